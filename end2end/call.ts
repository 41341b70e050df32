/** A client that is no browser: it says what it likes, from where it likes, and sees every header as it came. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type IncomingMessage, request as overHttp } from "node:http";
import { request as overHttps } from "node:https";

export type Call = {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** The address to call from. */
  from?: string;
  /** The file of the one authority that is trusted over https. */
  ca?: string;
  /** How long silence is borne, in milliseconds. */
  patience?: number;
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

/** Calls an address at this machine, whatever its host. */
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
  asked.on("timeout", () => asked.destroy(new Error("no answer in time")));
  asked.end(body);
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return new Answer(answer.statusCode ?? 0, answer.rawHeaders, Buffer.concat(parts));
}

const PROBE = { patience: 2_000 };

/** Whether anything answers there, whatever it says. */
export function answers(url: string, ca?: string): Promise<boolean> {
  return call(url, { ...PROBE, ca }).then(
    () => true,
    () => false,
  );
}

/** Whether a server says there that it is ready. */
export function isReady(origin: string, ca?: string): Promise<boolean> {
  return call(`${origin}/readyz`, { ...PROBE, ca }).then(
    ({ status }) => status === 200,
    () => false,
  );
}
