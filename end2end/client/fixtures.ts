/** The fixtures of the client's tests: stub servers, and pages that call them through the client. */

import { test as base, expect, leaveAll, type Page } from "../fixtures";
import { PAGES, Played } from "./played";

export { expect };
export type { Asked } from "./played";
export type { Played };

type Fixtures = {
  /** Starts a stub server for the test. */
  play: () => Promise<Played>;
  /** Opens a page of a server, as the server renders it or as exported for the API of an origin (empty: its own). */
  open: (server: Played, exportedFor?: string) => Promise<Client>;
};

export const test = base.extend<Fixtures>({
  // The tests use stub servers, so the release is not started.
  baseURL: async ({}, use) => use(undefined),
  play: async ({ trouble, browser }, use) => {
    // These errors are produced on purpose. Panics of the client and calls to other servers still fail the test.
    trouble.expect(/^(request failed|answered [45]\d\d): /, /^console error: (Failed to load resource|Access to fetch)/);
    const started: Played[] = [];
    await use(async () => {
      const server = await Played.start();
      started.push(server);
      return server;
    });
    await leaveAll(browser);
    for (const server of started) await server.stop();
  },
  open: async ({ page }, use) => use((server, exportedFor) => Client.open(page, server, exportedFor)),
});

/** A cookie of this host name. Cookies ignore ports, so the browser sends it to every stub server. */
export const COOKIE = "sess=1";

/** Sets the cookie in the browser. */
export async function keepCookie(page: Page, server: Played): Promise<void> {
  const [name, value] = COOKIE.split("=");
  await page.context().addCookies([{ name, value, url: server.origin }]);
}

/** The called path or server function. */
export type Call =
  | {
      path: string;
      method?: "get" | "post";
      json?: unknown;
      form?: Record<string, unknown>;
      withoutCredentials?: boolean;
      timeout?: number;
    }
  | { named: "read_handshake" | "send_handshake" | "read_overview" | "count_visit" };

export type Outcome =
  | { status: number; text: string }
  | { answer: unknown }
  | { kind: string; message: string; retry_after?: number | null }
  | { dropped: true };

/** A call in progress. */
export type Running = {
  outcome: Promise<Outcome>;
  /** Drops the future of the call. */
  drop: () => Promise<void>;
};

/** The client in a page. */
export class Client {
  /** The requests of the page in order, as `GET http://…`, without those that load the page. */
  private readonly log: string[] = [];
  private begun = 0;

  private constructor(readonly page: Page) {
    page.on("request", (request) => {
      if (!new URL(request.url()).pathname.startsWith(PAGES)) this.log.push(`${request.method()} ${request.url()}`);
    });
  }

  static async open(page: Page, server: Played, exportedFor?: string): Promise<Client> {
    const client = new Client(page);
    const query = exportedFor === undefined ? "" : `?api=${encodeURIComponent(exportedFor)}`;
    await page.goto(`${server.origin}${PAGES}${query}`);
    await page.evaluate(() => (window as unknown as Loaded).ready);
    return client;
  }

  /** Begins a call and does not wait for it. */
  begin(call: Call): Running {
    const number = (this.begun += 1);
    const outcome = this.page.evaluate(run, { call, number }).then((text) => JSON.parse(text) as Outcome);
    // Avoids an unhandled rejection, because a test that has failed does not await the result.
    outcome.catch(() => {});
    const drop = () => this.page.evaluate((number) => (window as unknown as Loaded).drops?.[number](), number);
    return { outcome, drop };
  }

  /** Returns all requests that the page has sent so far. */
  async sent(): Promise<string[]> {
    // The browser reports requests in order, so after this one all earlier ones have been reported.
    const seen = this.page.waitForRequest((request) => request.url().includes(`${PAGES}?mark`));
    await this.page.evaluate((url) => fetch(url).then(() => {}), `${PAGES}?mark`);
    await seen;
    return [...this.log];
  }

  /** Waits until the page has set this many timers of this duration in milliseconds. */
  async hasSet(span: number, times = 1): Promise<void> {
    const set = () => this.page.evaluate(() => (window as unknown as Loaded).timers);
    await expect.poll(async () => (await set()).filter((one) => one === span).length).toBe(times);
  }

  async isElsewhere(): Promise<boolean> {
    return this.page.evaluate(() => (window as unknown as Loaded).client.is_elsewhere());
  }
}

/** Stops the page's clock, which then advances only by command. To be called before the page opens. */
export async function stopClock(page: Page): Promise<void> {
  await page.clock.install({ time: 0 });
  // More than the clock advances on a slow machine meanwhile.
  await page.clock.pauseAt(24 * 3_600_000);
}

type Builder = {
  json: (text: string) => Builder;
  form: (text: string) => Builder;
  without_credentials: () => Builder;
  timeout: (milliseconds: number) => Builder;
  send: (dropped: Promise<void>) => Promise<string>;
};

/** The globals of the page; see played.ts and examples/browser_client.rs. */
type Loaded = {
  ready: Promise<void>;
  timers: number[];
  drops?: Record<number, () => void>;
  client: {
    Call: { get: (path: string) => Builder; post: (path: string) => Builder };
    server_function: (name: string, dropped: Promise<void>) => Promise<string>;
    is_elsewhere: () => boolean;
  };
};

/** Runs in the page. */
async function run({ call, number }: { call: Call; number: number }): Promise<string> {
  const loaded = window as unknown as Loaded;
  const dropped = new Promise<void>((drop) => {
    loaded.drops = { ...loaded.drops, [number]: drop };
  });
  if ("named" in call) return loaded.client.server_function(call.named, dropped);
  let request = loaded.client.Call[call.method ?? "get"](call.path);
  try {
    if (call.json !== undefined) request = request.json(JSON.stringify(call.json));
    if (call.form !== undefined) request = request.form(JSON.stringify(call.form));
  } catch (failure) {
    return String(failure);
  }
  if (call.withoutCredentials) request = request.without_credentials();
  if (call.timeout !== undefined) request = request.timeout(call.timeout);
  return request.send(dropped);
}
