/** Which calls are repeated when their response does not arrive. */

import { type Asked, type Call, type Client, expect, type Played, stopClock, test } from "./fixtures";

const BREAKS: [string, (asked: Asked) => void | Promise<void>][] = [
  ["before the answer", (asked) => asked.breakOff()],
  ["in the midst of the answer", (asked) => asked.breakOffInTheMidst()],
];

const UNREACHABLE = expect.objectContaining({ kind: "unreachable" });

test.beforeEach(({ page }) => stopClock(page));

/** Returns all requests, after the time in which any further one would be sent. */
async function allSent(client: Client): Promise<string[]> {
  await client.page.clock.runFor(60_000);
  return client.sent();
}

/** Takes the next attempt, which must come after a delay of exactly this length. */
async function nextAfter(pause: number, client: Client, server: Played): Promise<Asked> {
  await client.hasSet(pause);
  const before = await client.sent();
  await client.page.clock.runFor(pause - 1);
  expect(await client.sent()).toEqual(before);
  await client.page.clock.runFor(1);
  return server.next();
}

for (const [where, breakOff] of BREAKS) {
  test(`a GET whose connection breaks off ${where} is tried three times, with a growing pause`, async ({
    play,
    open,
  }) => {
    const server = await play();
    const client = await open(server);
    const call = client.begin({ path: "/read" });
    await breakOff(await server.next());
    await breakOff(await nextAfter(300, client, server));
    await breakOff(await nextAfter(600, client, server));
    expect(await call.outcome).toEqual(UNREACHABLE);
    expect(await allSent(client)).toEqual(Array(3).fill(`GET ${server.origin}/read`));
  });

  for (const [what, call] of [
    ["a POST", { method: "post", path: "/write", json: {} }],
    ["a POST without a body", { method: "post", path: "/write" }],
    ["a server function that writes", { named: "count_visit" }],
  ] satisfies [string, Call][]) {
    test(`${what} whose connection breaks off ${where} is sent once`, async ({ play, open }) => {
      const server = await play();
      const client = await open(server);
      const { outcome } = client.begin(call);
      await breakOff(await server.next());
      expect(await outcome).toEqual(UNREACHABLE);
      expect(await allSent(client)).toHaveLength(1);
    });
  }
}

test("a GET that arrives at the second try is answered", async ({ play, open }) => {
  const server = await play();
  const client = await open(server);
  const call = client.begin({ path: "/read" });
  (await server.next()).breakOff();
  (await nextAfter(300, client, server)).answer(200, "here");
  expect(await call.outcome).toEqual({ status: 200, text: "here" });
  expect(await allSent(client)).toHaveLength(2);
});

test("a server function that reads is tried again", async ({ play, open }) => {
  const server = await play();
  const client = await open(server);
  const call = client.begin({ named: "read_handshake" });
  (await server.next()).breakOff();
  const again = await nextAfter(300, client, server);
  expect(again.line).toBe("GET /api/session");
  again.answer(200, '{"id": "kept"}');
  expect(await call.outcome).toEqual({ answer: { id: "kept" } });
});

for (const status of [500, 502, 503, 504]) {
  test(`a GET that is answered with ${status} is not tried again`, async ({ play, open }) => {
    const server = await play();
    const client = await open(server);
    const call = client.begin({ path: "/read" });
    (await server.next()).answer(status, "a proxy's page");
    expect(await call.outcome).toEqual(expect.objectContaining({ kind: status === 500 ? "internal" : "busy" }));
    expect(await allSent(client)).toHaveLength(1);
  });
}

for (const status of [429, 503]) {
  test(`a GET that is answered with ${status} and Retry-After comes again then, and not at the very moment`, async ({ play, open, page }) => {
    await page.addInitScript(() => Object.assign(Math, { random: () => 0.5 }));
    const server = await play();
    const client = await open(server);
    const call = client.begin({ path: "/read" });
    (await server.next()).answer(status, "", { "retry-after": "2" });
    (await nextAfter(2500, client, server)).answer(200, "here");
    expect(await call.outcome).toEqual({ status: 200, text: "here" });
    expect(await allSent(client)).toHaveLength(2);
  });
}

test("what is to come again later than a call may take, or writes, is told at once", async ({ play, open }) => {
  const server = await play();
  const client = await open(server);
  for (const [call, seconds] of [[{ path: "/read" }, "30"], [{ method: "post", path: "/write", json: {} }, "1"]] satisfies [Call, string][]) {
    const { outcome } = client.begin(call);
    (await server.next()).answer(503, "", { "retry-after": seconds });
    expect(await outcome).toMatchObject({ kind: "busy", retry_after: Number(seconds) });
  }
  expect(await allSent(client)).toHaveLength(2);
});
