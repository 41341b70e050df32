/** The table of cookies of the doctor's model, and the servers for its requests. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as overHttp, type RequestListener, type Server } from "node:http";
import { createServer as overHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect } from "@playwright/test";
import type { Authority } from "../authority";
import type { PerWorker } from "../shared";

/** The reason why a cookie is not stored or not sent: in the model, and in Chromium, which may report none. */
type Loss = { model: string; chromium: string[] };

export type Asked = {
  /** The page that makes the request, by default with a script that includes credentials. */
  page: string;
  by?: "fetch" | "link" | "post";
  to: string;
  /** The `Cookie` header. */
  carries?: string;
  /** The cookies that are not sent, by name. */
  withheld?: Record<string, Loss>;
  /** The `Set-Cookie` line of the response, and its effect. */
  sets?: string;
  kept?: "New" | "Replaced" | "Removed";
  /** The `Date` of the response. */
  date?: string;
  /** The lifetime in days of the only cookie. */
  days?: number;
  refused?: Loss;
};

export type Case = {
  name: string;
  /** Whether the browser blocks third-party cookies. */
  blocked?: boolean;
  requests: Asked[];
};

const TABLE = join(__dirname, "../../crates/hardtack-doctor/src/tests/chromium.json");
export const CASES: Case[] = JSON.parse(readFileSync(TABLE, "utf8"));

/** One server on three ports, which identifies each request by its query. */
export class Servers {
  private readonly carried = new Map<string, string | undefined>();
  private readonly lines = new Map<string, { line: string; date?: string }>();
  private asked = 0;
  private readonly ports: Record<string, number> = {};

  private constructor(private readonly servers: Record<string, Server>) {}

  static async start({ certificate, key }: Authority): Promise<Servers> {
    const tls = { cert: readFileSync(certificate), key: readFileSync(key) };
    // The schemes' default ports and a second https port. The actual ports are picked by the system.
    const started = new Servers({ "http:": overHttp(), "https:": overHttps(tls), "https:8443": overHttps(tls) });
    for (const [name, server] of Object.entries(started.servers)) {
      server.on("request", started.answer).listen(0, "127.0.0.1");
      await once(server, "listening");
      started.ports[name] = (server.address() as AddressInfo).port;
    }
    return started;
  }

  /** Returns a URL of the table with the actual port. */
  address(text: string): URL {
    const url = new URL(text);
    url.port = String(this.ports[url.protocol + url.port]);
    return url;
  }

  /** Returns a URL for one request, to which the server responds with this line. */
  expecting(text: string, line: string | undefined, date?: string): URL {
    const url = this.address(text);
    this.asked += 1;
    url.search = String(this.asked);
    if (line !== undefined) this.lines.set(url.search, { line, date });
    return url;
  }

  /** Returns the cookies of the request. */
  cookiesOf({ search }: URL): string | undefined {
    expect(this.carried.has(search), "the request arrived").toBe(true);
    const header = this.carried.get(search);
    // Node decodes headers as Latin-1.
    return header && Buffer.from(header, "latin1").toString();
  }

  async stop(): Promise<void> {
    for (const server of Object.values(this.servers)) {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    }
  }

  private readonly answer: RequestListener = ({ url = "", headers, socket }) => {
    const search = url.slice(url.indexOf("?"));
    if (url.includes("?")) this.carried.set(search, headers.cookie);
    const { line, date } = this.lines.get(search) ?? {};
    const body = "<!doctype html><title>A page</title>";
    const head = [
      "HTTP/1.1 200 OK",
      "Content-Type: text/html",
      `Content-Length: ${body.length}`,
      "Cache-Control: no-store",
      "Connection: close",
      ...(headers.origin ? [`Access-Control-Allow-Origin: ${headers.origin}`] : []),
      "Access-Control-Allow-Credentials: true",
      ...(date === undefined ? [] : [`Date: ${date}`]),
      ...(line === undefined ? [] : [`Set-Cookie: ${line}`]),
    ];
    // Written by hand, because Node refuses to write characters that a browser must reject.
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  };
}

/** Expands `{v*4096}` to 4096 characters. */
export function spelt(line: string): string {
  return line.replaceAll(/\{(.)\*(\d+)\}/gu, (_, sign: string, times: string) => sign.repeat(Number(times)));
}

/** The servers of the table, for all tests of a worker. */
export const servers: PerWorker<Servers, { authority: Authority }> = [
  async ({ authority }, use) => {
    const servers = await Servers.start(authority);
    await use(servers);
    await servers.stop();
  },
  { scope: "worker" },
];
