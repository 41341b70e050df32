/** Timeouts of calls, and dropped calls. */

import { type Asked, type Call, type Client, expect, type Played, type Running, stopClock, test } from "./fixtures";

/** The browser's result of a call that timed out. */
const TIMED_OUT = expect.objectContaining({ kind: "timeout" });

test.describe("by the page's own clock", () => {
  /**
   * Returns a call that has arrived before its timeout. On a busy machine a call may arrive too late, so it is
   * repeated.
   */
  async function arrived(client: Client, server: Played): Promise<{ call: Running; asked: Asked }> {
    for (let turn = 1; ; turn += 1) {
      const path = `/slow/${turn}`;
      const call = client.begin({ path, timeout: 1_500 });
      const asked = await Promise.race([server.next(`GET ${path}`), call.outcome.then(() => undefined)]);
      if (asked) return { call, asked };
    }
  }

  test("a call that takes longer than its timeout ends with that, and its connection is closed", async ({
    play,
    open,
  }) => {
    const server = await play();
    const client = await open(server);
    const { call, asked } = await arrived(client, server);
    expect(await call.outcome).toEqual(TIMED_OUT);
    await asked.gone;
  });

  test("an answer that has begun and does not end is given up as well", async ({ play, open }) => {
    const server = await play();
    const client = await open(server);
    const { call, asked } = await arrived(client, server);
    await asked.begin();
    expect(await call.outcome).toEqual(TIMED_OUT);
    await asked.gone;
  });
});

test.describe("by a clock that the test turns", () => {
  test.beforeEach(({ page }) => stopClock(page));

  for (const [what, call, span] of [
    ["a GET in the time that it names", { path: "/slow", timeout: 5_000 }, 5_000],
    ["a POST in the time that it names", { method: "post", path: "/slow", timeout: 5_000 }, 5_000],
    ["a call that names none in 30 seconds", { path: "/slow" }, 30_000],
    ["a server function in 30 seconds", { named: "count_visit" }, 30_000],
  ] satisfies [string, Call, number][]) {
    test(`${what} ends, and not before`, async ({ page, play, open }) => {
      const server = await play();
      const client = await open(server);
      const { outcome } = client.begin(call);
      const asked = await server.next();
      await page.clock.runFor(span - 1);
      await client.sent();
      expect(asked.waits).toBe(true);
      await page.clock.runFor(1);
      expect(await outcome).toEqual(TIMED_OUT);
      await asked.gone;
    });
  }

  test("one deadline is for all attempts and the pauses between them", async ({ page, play, open }) => {
    const server = await play();
    const client = await open(server);
    const call = client.begin({ path: "/read", timeout: 1_000 });
    const first = await server.next();
    await page.clock.runFor(500);
    first.breakOff();
    await client.hasSet(300);
    await page.clock.runFor(300);
    const second = await server.next();
    await page.clock.runFor(199);
    await client.sent();
    expect(second.waits).toBe(true);
    await page.clock.runFor(1);
    expect(await call.outcome).toEqual(TIMED_OUT);
    await second.gone;
    await page.clock.runFor(60_000);
    expect(await client.sent()).toHaveLength(2);
  });

  test("a deadline in the midst of a pause is kept, and nothing is sent after it", async ({ page, play, open }) => {
    const server = await play();
    const client = await open(server);
    const call = client.begin({ path: "/read", timeout: 400 });
    const first = await server.next();
    await page.clock.runFor(300);
    first.breakOff();
    await client.hasSet(300);
    await page.clock.runFor(100);
    expect(await call.outcome).toEqual(TIMED_OUT);
    await page.clock.runFor(60_000);
    expect(await client.sent()).toEqual([`GET ${server.origin}/read`]);
  });

  test("the look for a server that may have refused belongs to it", async ({ page, play, open }) => {
    const [pages, api] = [await play(), await play()];
    const client = await open(pages, api.origin);
    const call = client.begin({ method: "post", path: "/api/x", json: {}, timeout: 1_000 });
    const look = await api.next("GET /healthz");
    await page.clock.runFor(1_000);
    expect(await call.outcome).toEqual(TIMED_OUT);
    await look.gone;
  });

  test("a timeout longer than browsers can count is no timeout at once", async ({ play, open }) => {
    const server = await play();
    const client = await open(server);
    const call = client.begin({ path: "/slow", timeout: 1e12 });
    (await server.next()).answer(200, "at last");
    expect(await call.outcome).toEqual({ status: 200, text: "at last" });
  });

  test("a call that is dropped in a pause is not sent again", async ({ page, play, open }) => {
    const server = await play();
    const client = await open(server);
    const call = client.begin({ path: "/read" });
    (await server.next()).breakOff();
    await client.hasSet(300);
    await call.drop();
    expect(await call.outcome).toEqual({ dropped: true });
    await page.clock.runFor(60_000);
    expect(await client.sent()).toHaveLength(1);
  });
});

for (const [what, call] of [
  ["a GET", { path: "/slow" }],
  ["a POST", { method: "post", path: "/slow", json: {} }],
  ["a server function", { named: "read_overview" }],
] satisfies [string, Call][]) {
  test(`${what} whose future is dropped is cancelled, and the server sees it`, async ({ play, open }) => {
    const server = await play();
    const client = await open(server);
    const [dropped, other] = [client.begin(call), client.begin({ path: "/other" })];
    const stays = await server.next("GET /other");
    const asked = await server.next();
    await dropped.drop();
    expect(await dropped.outcome).toEqual({ dropped: true });
    await asked.gone;
    // Only that call is cancelled.
    expect(stays.waits).toBe(true);
    stays.answer();
    expect(await other.outcome).toEqual({ status: 200, text: "{}" });
  });
}
