/** A client that is no browser: it says what it likes, from where it likes, and sees every header as it came. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type IncomingMessage, request as overHttp } from "node:http";
import { request as overHttps } from "node:https";
import { setTimeout as pause } from "node:timers/promises";

export type Call = {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** The address to call from. */
  from?: string;
};

export class Answer {
  constructor(
    readonly status: number,
    private readonly raw: string[],
    readonly body: Buffer,
  ) {}

  /** Every line of that header. */
  all(name: string): string[] {
    return this.lines.filter(([found]) => found === name).map(([, value]) => value);
  }

  /** The one line of that header; that there are two is an error. */
  one(name: string): string | undefined {
    const found = this.all(name);
    if (found.length > 1) throw new Error(`${name} came ${found.length} times: ${found.join(" | ")}`);
    return found[0];
  }

  get lines(): [string, string][] {
    return this.raw.flatMap((text, index) => (index % 2 ? [] : [[text.toLowerCase(), this.raw[index + 1]]]));
  }

  get text(): string {
    return this.body.toString("utf8");
  }
}

/** Calls an address at this machine, whatever its host; https is trusted by the one authority in the file `ca`. */
export async function call(url: string, ca: string, what: Call = {}): Promise<Answer> {
  const { method = "GET", headers, body, from } = what;
  const { protocol, hostname, port, pathname, search, host } = new URL(url);
  const options = {
    host: "127.0.0.1",
    port,
    path: pathname + search,
    method,
    headers: { host, ...headers },
    localAddress: from,
    agent: false as const,
    timeout: 10_000,
  };
  const asked =
    protocol === "https:" ? overHttps({ ...options, servername: hostname, ca: readFileSync(ca) }) : overHttp(options);
  asked.on("timeout", () => asked.destroy(new Error("no answer in time")));
  asked.end(body);
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return new Answer(answer.statusCode ?? 0, answer.rawHeaders, Buffer.concat(parts));
}

const JSON_HEADERS = { accept: "application/json", "content-type": "application/json" };

const MOST_AGAIN = 10;
const AGAIN_MS = 300;

/** A client that keeps its session cookie, as a browser does. */
export class Visitor {
  /** How many of its requests were answered with 502: the proxy could send them to nobody. */
  unsent = 0;
  private cookie: string | undefined;

  constructor(
    private readonly origin: string,
    private readonly ca: string,
  ) {}

  /** Counts one visit, and gives the whole answer. */
  async visit(): Promise<Answer> {
    const headers = { ...JSON_HEADERS, ...(this.cookie ? { cookie: this.cookie } : {}) };
    const answer = await call(`${this.origin}/api/visits`, this.ca, { method: "POST", headers, body: "{}" });
    const set = answer.one("set-cookie");
    if (set) this.cookie = set.split(";")[0];
    return answer;
  }

  /** Counts one visit, and gives the number. A 502 is no visit, so it is tried again, as people do. */
  async count(): Promise<number> {
    let answer = await this.visit();
    for (let again = 0; answer.status === 502 && again < MOST_AGAIN; again += 1) {
      this.unsent += 1;
      await pause(AGAIN_MS);
      answer = await this.visit();
    }
    if (answer.status !== 200) throw new Error(`answered ${answer.status}: ${answer.text}`);
    return JSON.parse(answer.text).visits;
  }
}
