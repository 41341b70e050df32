/** The first call of an exported page goes alone, so that the others carry the cookie of its session. */

import { type Asked, type Call, type Client, expect, type Played, type Running, stopClock, test } from "./fixtures";

const [A, B, C] = ["/a", "/b", "/c"].map((path): Call => ({ method: "post", path, json: {} }));

/** Begins three calls at once, and waits until the first has arrived. */
async function three(client: Client, api: Played): Promise<{ calls: Running[]; first: Asked }> {
  const calls = [A, B, C].map((call) => client.begin(call));
  const first = await api.next();
  expect(first.line).toBe("POST /a");
  return { calls, first };
}

/** Returns the paths of the requests that the page has sent. */
const paths = async (client: Client) => (await client.sent()).map((line) => new URL(line.split(" ")[1]).pathname);

test("a page that the server has rendered holds nothing back", async ({ play, open }) => {
  const server = await play();
  const client = await open(server);
  expect(await client.isElsewhere()).toBe(false);
  const calls = [A, B, C].map((call) => client.begin(call));
  const all = [await server.next(), await server.next(), await server.next()];
  for (const asked of all.reverse()) asked.answer();
  for (const { outcome } of calls) expect(await outcome).toEqual({ status: 200, text: "{}" });
});

for (const [where, base] of [
  ["elsewhere", (api: Played) => api.origin],
  ["elsewhere, named with a slash at its end", (api: Played) => `${api.origin}/`],
] as const) {
  test(`calls go to the server ${where}; the others wait for the answer of the first`, async ({ play, open }) => {
    const [pages, api] = [await play(), await play()];
    api.admits = pages.origin;
    const client = await open(pages, base(api));
    expect(await client.isElsewhere()).toBe(true);
    const { calls, first } = await three(client, api);
    expect(await client.sent()).toEqual([`POST ${api.origin}/a`]);
    first.answer(200, "{}", { "set-cookie": "sess=first; Path=/" });
    const others = [await api.next(), await api.next()];
    for (const asked of others) expect(asked.cookie).toBe("sess=first");
    for (const asked of others) asked.answer();
    for (const { outcome } of calls) expect(await outcome).toEqual({ status: 200, text: "{}" });
    // Later calls do not wait for each other.
    const later = [client.begin(A), client.begin(B)];
    for (const asked of [await api.next(), await api.next()]) asked.answer();
    for (const { outcome } of later) await outcome;
  });
}

test("an exported page whose server is its own waits as well", async ({ play, open }) => {
  const server = await play();
  const client = await open(server, "");
  expect(await client.isElsewhere()).toBe(true);
  const { first } = await three(client, server);
  expect(await paths(client)).toEqual(["/a"]);
  first.answer();
  for (const asked of [await server.next(), await server.next()]) asked.answer();
});

test("the server functions of a page wait for one another", async ({ play, open }) => {
  const [pages, api] = [await play(), await play()];
  api.admits = pages.origin;
  const client = await open(pages, api.origin);
  for (const named of ["read_handshake", "count_visit", "read_overview"] as const) client.begin({ named });
  const first = await api.next();
  expect(first.line).toBe("GET /api/session");
  expect(await paths(client)).toEqual(["/api/session"]);
  first.answer(200, '{"id": "kept"}');
  const others = [(await api.next()).line, (await api.next()).line];
  expect(others.sort()).toEqual(["GET /api/overview", "POST /api/visits"]);
});

test.describe("when the first fails, the next goes alone", () => {
  /** How the first of three calls ends, and its result. */
  const ends: [string, (first: Asked, call: Running, api: Played) => Promise<void>, Record<string, unknown>][] = [
    ["an error of the server", async (first) => first.fail(503, "unavailable"), { kind: "unavailable" }],
    ["an answer that refuses", async (first) => first.fail(401, "not_signed_in"), { kind: "not_signed_in" }],
    [
      "a connection that breaks off",
      async (first, _, api) => {
        first.breakOff();
        (await api.next("GET /healthz")).breakOff();
      },
      { kind: "unreachable" },
    ],
    ["being dropped", async (_, call) => call.drop(), { dropped: true }],
  ];

  for (const [what, end, outcome] of ends) {
    test(`by ${what}`, async ({ play, open }) => {
      const [pages, api] = [await play(), await play()];
      api.admits = pages.origin;
      const client = await open(pages, api.origin);
      const { calls, first } = await three(client, api);
      await end(first, calls[0], api);
      expect(await calls[0].outcome).toMatchObject(outcome);
      const second = await api.next("POST /b");
      expect((await paths(client)).filter((path) => path !== "/healthz")).toEqual(["/a", "/b"]);
      second.answer();
      (await api.next()).answer();
      for (const { outcome } of calls.slice(1)) expect(await outcome).toEqual({ status: 200, text: "{}" });
    });
  }
});

test.describe("by a clock that the test turns", () => {
  test.beforeEach(({ page }) => stopClock(page));

  test("a first call that takes too long fails, and the next goes alone", async ({ page, play, open }) => {
    const [pages, api] = [await play(), await play()];
    api.admits = pages.origin;
    const client = await open(pages, api.origin);
    const slow = client.begin({ method: "post", path: "/slow", timeout: 1_000 });
    const asked = await api.next();
    for (const call of [A, B]) client.begin(call);
    await page.clock.runFor(1_000);
    expect(await slow.outcome).toMatchObject({ kind: "timeout" });
    await asked.gone;
    expect((await api.next()).line).toBe("POST /a");
    expect(await paths(client)).toEqual(["/slow", "/a"]);
  });

  test("waiting for the first counts as time of the call that waits", async ({ page, play, open }) => {
    const [pages, api] = [await play(), await play()];
    api.admits = pages.origin;
    const client = await open(pages, api.origin);
    const first = client.begin(A);
    const asked = await api.next();
    const waiting = client.begin({ method: "post", path: "/b", timeout: 1_000 });
    const last = client.begin(C);
    await page.clock.runFor(1_000);
    expect(await waiting.outcome).toMatchObject({ kind: "timeout" });
    expect(asked.waits).toBe(true);
    asked.answer();
    await first.outcome;
    // The timed-out call is never sent, and the next one does not wait for it.
    const next = await api.next();
    expect(next.line).toBe("POST /c");
    next.answer();
    await last.outcome;
    expect(await paths(client)).toEqual(["/a", "/c"]);
  });
});

test("a call that is dropped while it waits is never sent, and holds nobody up", async ({ play, open }) => {
  const [pages, api] = [await play(), await play()];
  api.admits = pages.origin;
  const client = await open(pages, api.origin);
  const { calls, first } = await three(client, api);
  await calls[1].drop();
  expect(await calls[1].outcome).toEqual({ dropped: true });
  first.fail(503, "busy");
  const next = await api.next();
  expect(next.line).toBe("POST /c");
  next.answer();
  await calls[2].outcome;
  expect(await paths(client)).toEqual(["/a", "/c"]);
});

for (const [what, call] of [
  ["without credentials", { method: "post", path: "/free", withoutCredentials: true }],
  ["that may go to another host, and so brings no cookie,", { method: "post", path: "//free" }],
] satisfies [string, Call][]) {
  test(`a call ${what} waits for none, and none for it`, async ({ play, open }) => {
    const [pages, api] = [await play(), await play()];
    api.admits = pages.origin;
    const client = await open(pages, api.origin);
    const before = client.begin(call);
    (await api.next()).answer();
    expect(await before.outcome).toEqual({ status: 200, text: "{}" });
    const { first } = await three(client, api);
    const free = client.begin(call);
    (await api.next()).answer();
    expect(await free.outcome).toEqual({ status: 200, text: "{}" });
    // Both have not ended the wait: the first call is still alone.
    expect((await paths(client)).filter((path) => !path.includes("free"))).toEqual(["/a"]);
    first.answer();
    for (const asked of [await api.next(), await api.next()]) asked.answer();
  });
}
