/** What Chromium does with cookies, held against the table that the doctor's model is held against too. */

import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as overHttp, type RequestListener, type Server } from "node:http";
import { createServer as overHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Authority } from "../authority";
import type { Cookie } from "@playwright/test";
import { expect, type Page, test as base } from "./fixtures";

/** Why a cookie is not kept or stays behind: the model's word, and Chromium's; none where Chromium says nothing. */
type Loss = { model: string; chromium: string[] };

type Asked = {
  /** The page that asks, by default with a script that includes credentials. */
  page: string;
  by?: "fetch" | "link" | "post";
  to: string;
  /** The `Cookie` header. */
  carries?: string;
  /** The cookies that stay behind, by name. */
  withheld?: Record<string, Loss>;
  /** The `Set-Cookie` line of the answer, and what becomes of it. */
  sets?: string;
  kept?: "New" | "Replaced" | "Removed";
  /** The `Date` of the answer. */
  date?: string;
  /** For how many days, of the one cookie that is there then. */
  days?: number;
  refused?: Loss;
};

type Case = {
  name: string;
  /** Whether the browser blocks the cookies of third parties. */
  blocked?: boolean;
  requests: Asked[];
};

type Seen = {
  carries?: string;
  withheld: Record<string, string[]>;
  kept?: string;
  days?: number;
  refused?: string[];
};

const TABLE = join(__dirname, "../../src/doctor/tests/chromium.json");
const CASES: Case[] = JSON.parse(readFileSync(TABLE, "utf8"));

/** One server on three ports; each request is known by its query. */
class Servers {
  private readonly carried = new Map<string, string | undefined>();
  private readonly lines = new Map<string, { line: string; date?: string }>();
  private asked = 0;
  private readonly ports: Record<string, number> = {};

  private constructor(private readonly servers: Record<string, Server>) {}

  static async start({ certificate, key }: Authority): Promise<Servers> {
    const tls = { cert: readFileSync(certificate), key: readFileSync(key) };
    // The table's ports, which are others each time: the schemes' own, and a second one.
    const started = new Servers({ "http:": overHttp(), "https:": overHttps(tls), "https:8443": overHttps(tls) });
    for (const [name, server] of Object.entries(started.servers)) {
      server.on("request", started.answer).listen(0, "127.0.0.1");
      await once(server, "listening");
      started.ports[name] = (server.address() as AddressInfo).port;
    }
    return started;
  }

  /** An address of the table as it is here. */
  address(text: string): URL {
    const url = new URL(text);
    url.port = String(this.ports[url.protocol + url.port]);
    return url;
  }

  /** An address that is asked once, and answers with this line. */
  expecting(text: string, line: string | undefined, date?: string): URL {
    const url = this.address(text);
    this.asked += 1;
    url.search = String(this.asked);
    if (line !== undefined) this.lines.set(url.search, { line, date });
    return url;
  }

  /** The cookies that came along. */
  cookiesOf({ search }: URL): string | undefined {
    expect(this.carried.has(search), "the request arrived").toBe(true);
    const header = this.carried.get(search);
    // Node reads headers as Latin-1.
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
    // By hand: Node does not write the signs that a browser has to refuse.
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  };
}

/** What the network says of cookies, by the address that was asked. */
class Witness {
  private readonly ids = new Map<string, string>();
  private readonly withheld = new Map<string, Record<string, string[]>>();
  private readonly refused = new Map<string, string[]>();
  private readonly news = new EventEmitter();

  static async of(page: Page): Promise<Witness> {
    const witness = new Witness();
    const network = await page.context().newCDPSession(page);
    // The three come in any order.
    network.on("Network.requestWillBeSent", ({ requestId, request }) => {
      witness.ids.set(request.url, requestId);
      witness.news.emit("told");
    });
    network.on("Network.requestWillBeSentExtraInfo", ({ requestId, associatedCookies }) => {
      const blocked = associatedCookies.filter(({ blockedReasons }) => blockedReasons.length > 0);
      const entries = blocked.map(({ cookie, blockedReasons }) => [cookie.name, blockedReasons.sort()]);
      witness.withheld.set(requestId, Object.fromEntries(entries));
      witness.news.emit("told");
    });
    network.on("Network.responseReceivedExtraInfo", ({ requestId, blockedCookies }) => {
      witness.refused.set(requestId, blockedCookies.flatMap(({ blockedReasons }) => blockedReasons).sort());
      witness.news.emit("told");
    });
    await network.send("Network.enable");
    return witness;
  }

  /** The cookies that stayed behind, and why the one of the answer was refused. */
  async saw({ href }: URL): Promise<{ withheld: Record<string, string[]>; refused: string[] }> {
    for (;;) {
      const id = this.ids.get(href) ?? "";
      const [withheld, refused] = [this.withheld.get(id), this.refused.get(id)];
      if (withheld && refused) return { withheld, refused };
      await once(this.news, "told");
    }
  }
}

async function send(page: Page, by: Asked["by"], url: string): Promise<void> {
  if (by === undefined || by === "fetch") {
    await page.evaluate((url) => fetch(url, { credentials: "include" }).then((answer) => answer.text()), url);
    return;
  }
  const there = page.waitForURL(url);
  await page.evaluate(
    ({ url, by }) => {
      const way = Object.assign(document.createElement(by === "link" ? "a" : "form"), {
        href: url,
        action: url,
        method: "post",
      });
      document.body.append(way);
      if (way instanceof HTMLFormElement) way.submit();
      else way.click();
    },
    { url, by },
  );
  await there;
}

/** What makes a cookie another one. */
const key = ({ name, domain, path, partitionKey }: Cookie) => JSON.stringify([name, domain, path, partitionKey]);

/** Makes the request in the browser. */
async function ask(page: Page, servers: Servers, witness: Witness, asked: Asked): Promise<Seen> {
  const from = servers.address(asked.page);
  if (page.url() !== from.href) await page.goto(from.href);
  const cookies = () => page.context().cookies();
  const before = await cookies();
  const url = servers.expecting(asked.to, asked.sets, asked.date);
  await send(page, asked.by, url.href);
  const { withheld, refused } = await witness.saw(url);
  const after = await cookies();
  const seen: Seen = { carries: servers.cookiesOf(url), withheld };
  if (asked.sets === undefined) return seen;
  if (asked.days !== undefined) seen.days = Math.round((after[0].expires - Date.now() / 1000) / 86_400);
  const known = new Set(before.map(key));
  // Of many cookies the oldest goes, so that their number can stay as it is.
  if (after.some((cookie) => !known.has(key(cookie)))) return { ...seen, kept: "New" };
  if (after.length < before.length) return { ...seen, kept: "Removed" };
  if (JSON.stringify(after) !== JSON.stringify(before)) return { ...seen, kept: "Replaced" };
  return { ...seen, refused };
}

/** What the table says of Chromium. */
function told({ carries, withheld = {}, kept, days, refused }: Asked): Seen {
  const told = Object.entries(withheld).filter(([, { chromium }]) => chromium.length > 0);
  return {
    carries: carries && spelt(carries),
    withheld: Object.fromEntries(told.map(([name, { chromium }]) => [name, chromium])),
    kept,
    days,
    refused: refused?.chromium,
  };
}

/** `{v*4096}` is that many. */
function spelt(line: string): string {
  return line.replaceAll(/\{(.)\*(\d+)\}/gu, (_, sign: string, times: string) => sign.repeat(Number(times)));
}

type Shared = {
  servers: Servers;
  /** One for all cases, emptied between them: a new one for each would take more than twice as long. */
  watched: { page: Page; witness: Witness };
};

const test = base.extend<{}, Shared>({
  servers: [
    async ({ authority }, use) => {
      const servers = await Servers.start(authority);
      await use(servers);
      await servers.stop();
    },
    { scope: "worker" },
  ],
  watched: [
    async ({ browser }, use) => {
      const page = await (await browser.newContext()).newPage();
      await use({ page, witness: await Witness.of(page) });
      await page.context().close();
    },
    { scope: "worker" },
  ],
});

/** One test for each case of the table that speaks of this setting. */
export function holdAgainstTable(thirdPartyCookies: "blocked" | "allowed"): void {
  test.use({ thirdPartyCookies });
  const cases = CASES.filter(({ blocked = false }) => blocked === (thirdPartyCookies === "blocked"));
  for (const { name, requests } of cases) {
    test(`third-party cookies ${thirdPartyCookies}: ${name}`, async ({ watched: { page, witness }, servers }) => {
      await page.context().clearCookies();
      for (const asked of requests) {
        const seen = await ask(page, servers, witness, { ...asked, sets: asked.sets && spelt(asked.sets) });
        expect(seen, JSON.stringify(asked)).toEqual(told(asked));
      }
    });
  }
}
