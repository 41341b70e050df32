/** A plain HTTP client, which sends any headers from any address and shows every response header. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type IncomingMessage, request as overHttp } from "node:http";
import { request as overHttps } from "node:https";

export type Call = {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** The local address of the connection. */
  from?: string;
  /** The file of the only trusted authority for https. */
  ca?: string;
  /** The timeout of a silent connection in milliseconds. */
  patience?: number;
};

export class Answer {
  constructor(
    readonly status: number,
    private readonly raw: string[],
    readonly body: Buffer,
  ) {}

  /** Returns all values of a header. */
  all(name: string): string[] {
    return this.lines.filter(([found]) => found === name).map(([, value]) => value);
  }

  /** Returns the value of a header. Throws if the header is repeated. */
  one(name: string): string | undefined {
    const found = this.all(name);
    if (found.length > 1) throw new Error(`${name} is there ${found.length} times: ${found.join(" | ")}`);
    return found[0];
  }

  get lines(): [string, string][] {
    return this.raw.flatMap((text, index) => (index % 2 ? [] : [[text.toLowerCase(), this.raw[index + 1]]]));
  }

  get text(): string {
    return this.body.toString("utf8");
  }
}

/** Calls a URL on this machine, regardless of its host. */
export async function call(url: string, what: Call = {}): Promise<Answer> {
  const { method = "GET", headers, body, from, ca, patience = 10_000 } = what;
  const { protocol, hostname, port, pathname, search, host } = new URL(url);
  const options = {
    host: "127.0.0.1",
    port,
    path: pathname + search,
    method,
    headers: { host, ...headers },
    localAddress: from,
    agent: false as const,
    timeout: patience,
  };
  const asked =
    protocol === "https:"
      ? overHttps({ ...options, servername: hostname, ca: ca && readFileSync(ca) })
      : overHttp(options);
  asked.on("timeout", () => asked.destroy(new Error("no response in time")));
  asked.end(body);
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return new Answer(answer.statusCode ?? 0, answer.rawHeaders, Buffer.concat(parts));
}

const PROBE = { patience: 2_000 };

/** Returns whether a server responds at this URL, with any status. */
export function answers(url: string, ca?: string): Promise<boolean> {
  return call(url, { ...PROBE, ca }).then(
    () => true,
    () => false,
  );
}

/** Returns whether the server reports that it is ready. */
export function isReady(origin: string, ca?: string): Promise<boolean> {
  return call(`${origin}/readyz`, { ...PROBE, ca }).then(
    ({ status }) => status === 200,
    () => false,
  );
}
