/** Errors of calls: the server is not reachable, refuses, has no session, or is busy until a given time. */

import { freePort } from "../ports";
import { type Call, expect, keepCookie, test } from "./fixtures";

const kind = (kind: string) => expect.objectContaining({ kind });

const POST: Call = { method: "post", path: "/api/x", json: {} };
const GET: Call = { path: "/api/x" };

test.describe("from an exported page", () => {
  for (const [what, call] of [
    ["a GET", GET],
    ["a POST", POST],
    ["a server function", { named: "count_visit" }],
  ] satisfies [string, Call][]) {
    test(`where nobody listens, ${what} is unreachable`, async ({ play, open }) => {
      const pages = await play();
      const client = await open(pages, `http://localhost:${await freePort()}`);
      expect(await client.begin(call).outcome).toEqual(kind("unreachable"));
    });
  }

  test("where every connection is broken off, the server is unreachable", async ({ play, open }) => {
    const [pages, api] = [await play(), await play()];
    api.admits = pages.origin;
    const client = await open(pages, api.origin);
    const call = client.begin(POST);
    (await api.next()).breakOff();
    const look = await api.next();
    expect(look.line).toBe("GET /healthz");
    look.breakOff();
    expect(await call.outcome).toEqual(kind("unreachable"));
  });

  test("a server that does not admit this page is found, and refuses a POST before it is sent", async ({
    page,
    play,
    open,
  }) => {
    const [pages, api] = [await play(), await play()];
    await keepCookie(page, api);
    const client = await open(pages, api.origin);
    const call = client.begin(POST);
    // The browser's preflight was refused.
    const look = await api.next();
    expect(look.line).toBe("GET /healthz");
    expect(look.cookie).toBeUndefined();
    look.answer(503, "not ready, but reachable");
    expect(await call.outcome).toEqual(kind("refused"));
  });

  test("a server that does not admit this page refuses a GET, whose answer the browser keeps", async ({
    play,
    open,
  }) => {
    const [pages, api] = [await play(), await play()];
    const client = await open(pages, api.origin);
    const call = client.begin(GET);
    // To the page this looks like a network error.
    for (const line of Array(3).fill("GET /api/x")) {
      const asked = await api.next();
      expect(asked.line).toBe(line);
      asked.answer();
    }
    const look = await api.next();
    expect(look.line).toBe("GET /healthz");
    look.answer();
    expect(await call.outcome).toEqual(kind("refused"));
  });

  test("a server that admits another page refuses a server function", async ({ play, open }) => {
    const [pages, api] = [await play(), await play()];
    api.admits = "http://app.example.com";
    const client = await open(pages, api.origin);
    const call = client.begin({ named: "count_visit" });
    (await api.next()).answer();
    expect(await call.outcome).toEqual(kind("refused"));
  });

  test("a busy server that admits this page says when to come again", async ({ play, open }) => {
    const [pages, api] = [await play(), await play()];
    api.admits = pages.origin;
    const client = await open(pages, api.origin);
    const call = client.begin(POST);
    (await api.next()).fail(503, "busy", { "retry-after": "7" });
    expect(await call.outcome).toEqual({ kind: "busy", message: "the server says busy", retry_after: 7 });
  });
});

test.describe("from a page of the server itself", () => {
  test("a server that has stopped is unreachable, and is not looked for", async ({ play, open }) => {
    const server = await play();
    const client = await open(server);
    await client.sent();
    const call = client.begin(POST);
    (await server.next()).breakOff();
    expect(await call.outcome).toEqual(kind("unreachable"));
    expect(await client.sent()).toEqual([`POST ${server.origin}/api/x`]);
  });

  test("the server's own error arrives with its kind and its sentence", async ({ play, open }) => {
    const server = await play();
    const client = await open(server);
    for (const [status, kind] of [
      [401, "not_signed_in"],
      [409, "session_ended"],
      [409, "mismatch"],
      [503, "unavailable"],
      [503, "rotated"],
      [503, "busy"],
    ] as const) {
      const call = client.begin(GET);
      (await server.next()).fail(status, kind);
      expect(await call.outcome).toEqual({ kind, message: `the server says ${kind}`, retry_after: null });
    }
  });

  test("a kind that a newer server knows keeps its sentence", async ({ play, open }) => {
    const server = await play();
    const client = await open(server);
    const call = client.begin(GET);
    (await server.next()).fail(418, "of_tomorrow");
    expect(await call.outcome).toMatchObject({ kind: "unknown", message: "the server says of_tomorrow" });
  });

  test("a proxy's page is understood by its status", async ({ play, open }) => {
    const server = await play();
    const client = await open(server);
    for (const [status, named] of [
      [401, "not_signed_in"],
      [403, "cross_origin"],
      [404, "not_found"],
      [413, "too_large"],
      [429, "busy"],
      [500, "internal"],
      [502, "busy"],
      [503, "busy"],
      [504, "busy"],
    ] as const) {
      const call = client.begin(GET);
      (await server.next()).answer(status, "<h1>Sorry</h1>", { "content-type": "text/html" });
      expect(await call.outcome, `${status}`).toEqual(kind(named));
    }
  });

  test("seconds are read, and what is none is not taken for some", async ({ play, open }) => {
    const server = await play();
    const client = await open(server);
    for (const [header, seconds] of [
      ["7", 7],
      ["0", 0],
      ["Wed, 21 Oct 2026 07:28:00 GMT", null],
      ["-1", null],
    ] as const) {
      const call = client.begin(POST);
      (await server.next()).answer(429, "", { "retry-after": header });
      expect(await call.outcome, header).toMatchObject({ kind: "busy", retry_after: seconds });
    }
  });

  test("a server function fails with the server's own error", async ({ play, open }) => {
    const server = await play();
    const client = await open(server);
    const call = client.begin({ named: "send_handshake" });
    (await server.next()).fail(409, "mismatch");
    expect(await call.outcome).toEqual({ kind: "mismatch", message: "the server says mismatch" });
  });

  test("a good answer that is none of ours is an error of a server function", async ({ play, open }) => {
    const server = await play();
    const client = await open(server);
    const call = client.begin({ named: "read_overview" });
    (await server.next()).answer(200, "<h1>Sign in to the hotel's network</h1>");
    expect(await call.outcome).toEqual(kind("internal"));
  });
});
