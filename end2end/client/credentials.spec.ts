/** Which requests carry the cookie. */

import { type Client, COOKIE, expect, keepCookie, type Played, test } from "./fixtures";

const SETS = { "set-cookie": "new=2; Path=/" };

const kept = async (client: Client) =>
  (await client.page.context().cookies()).map(({ name, value }) => `${name}=${value}`).sort();

test.describe("to the server of the page", () => {
  test("the cookie goes along, and one in the answer is kept", async ({ page, play, open }) => {
    const server = await play();
    await keepCookie(page, server);
    const client = await open(server);
    for (const method of ["get", "post"] as const) {
      const call = client.begin({ method, path: "/api/x?a=1" });
      const asked = await server.next();
      expect(asked.line).toBe(`${method.toUpperCase()} /api/x?a=1`);
      expect(asked.cookie).toContain(COOKIE);
      asked.answer(200, "{}", SETS);
      await call.outcome;
      expect(await kept(client)).toEqual(["new=2", COOKIE]);
    }
  });

  test("a call without credentials sends none, and keeps none of the answer", async ({ page, play, open }) => {
    const server = await play();
    await keepCookie(page, server);
    const client = await open(server);
    for (const method of ["get", "post"] as const) {
      const call = client.begin({ method, path: "/api/x", withoutCredentials: true });
      const asked = await server.next();
      expect(asked.cookie).toBeUndefined();
      asked.answer(200, "{}", SETS);
      expect(await call.outcome).toEqual({ status: 200, text: "{}" });
      expect(await kept(client)).toEqual([COOKIE]);
    }
  });
});

test.describe("to a server elsewhere, from an exported page", () => {
  test("the cookie goes along, and one in the answer is kept", async ({ page, play, open }) => {
    const [pages, api] = [await play(), await play()];
    api.admits = pages.origin;
    await keepCookie(page, api);
    const client = await open(pages, api.origin);
    const call = client.begin({ method: "post", path: "/api/x", json: {} });
    const asked = await api.next();
    expect(asked.cookie).toBe(COOKIE);
    asked.answer(200, "{}", SETS);
    await call.outcome;
    expect(await kept(client)).toEqual(["new=2", COOKIE]);
  });

  test("a call without credentials sends none, and keeps none of the answer", async ({ page, play, open }) => {
    const [pages, api] = [await play(), await play()];
    api.admits = pages.origin;
    await keepCookie(page, api);
    const client = await open(pages, api.origin);
    const call = client.begin({ method: "post", path: "/api/x", json: {}, withoutCredentials: true });
    const asked = await api.next();
    expect(asked.cookie).toBeUndefined();
    asked.answer(200, "{}", SETS);
    expect(await call.outcome).toEqual({ status: 200, text: "{}" });
    expect(await kept(client)).toEqual([COOKIE]);
  });
});

test.describe("by a path that leads to another host", () => {
  const ways: [string, (host: string) => string][] = [
    ["//evil", (host) => `//${host}/x`],
    ["///evil", (host) => `///${host}/x`],
    ["/\\evil", (host) => `/\\${host}/x`],
    ["\\\\evil", (host) => `\\\\${host}/x`],
    ["\\/evil", (host) => `\\/${host}/x`],
    ["/, a tab, /evil", (host) => `/\t/${host}/x`],
    ["/, a line break, /evil", (host) => `/\n/${host}/x`],
    ["/, a carriage return, /evil", (host) => `/\r/${host}/x`],
    ["/, a tab, \\evil", (host) => `/\t\\${host}/x`],
    ["a tab, //evil", (host) => `\t//${host}/x`],
    ["a blank, //evil", (host) => ` //${host}/x`],
    ["http://evil", (host) => `http://${host}/x`],
    ["http:\\\\evil", (host) => `http:\\\\${host}/x`],
  ];

  // The host name is the same, so the browser would send the cookie. This proves that each spelling leads to the
  // other host.
  const bare = async (client: Client, evil: Played, path: string) => {
    const answered = client.page.evaluate((path) => fetch(path, { credentials: "include" }).then(() => {}), path);
    const asked = await evil.next();
    expect(asked.cookie).toBe(COOKIE);
    asked.answer();
    await answered;
  };

  for (const [way, path] of ways) {
    test(`none goes along: ${way}`, async ({ page, play, open }) => {
      const [server, evil] = [await play(), await play()];
      evil.admits = server.origin;
      await keepCookie(page, server);
      const client = await open(server);
      const there = path(new URL(evil.origin).host);
      await bare(client, evil, there);
      for (const method of ["get", "post"] as const) {
        const call = client.begin({ method, path: there });
        const asked = await evil.next();
        expect(asked.cookie).toBeUndefined();
        asked.answer(200, "{}", SETS);
        expect(await call.outcome).toEqual({ status: 200, text: "{}" });
      }
      expect(await kept(client)).toEqual([COOKIE]);
    });
  }

  for (const [way, path] of ways.slice(0, 5)) {
    test(`none goes along from an exported page of its own server: ${way}`, async ({ page, play, open }) => {
      const [server, evil] = [await play(), await play()];
      evil.admits = server.origin;
      await keepCookie(page, server);
      const client = await open(server, "");
      const call = client.begin({ path: path(new URL(evil.origin).host) });
      const asked = await evil.next();
      expect(asked.cookie).toBeUndefined();
      asked.answer();
      await call.outcome;
    });
  }

  test("after the name of a server elsewhere, nothing leads away from it", async ({ page, play, open }) => {
    const [pages, api, evil] = [await play(), await play(), await play()];
    for (const server of [api, evil]) server.admits = pages.origin;
    await keepCookie(page, api);
    const client = await open(pages, api.origin);
    const { host } = new URL(evil.origin);
    // After `http://api` this path forms user information and another host, which the browser does not call.
    const named = client.begin({ method: "post", path: `@${host}/x` });
    (await api.next("GET /healthz")).answer();
    expect(await named.outcome).toEqual(expect.objectContaining({ kind: "refused" }));
    // After the API's origin this is a path of the API, which is called without the cookie.
    const call = client.begin({ method: "post", path: `//${host}/x` });
    const asked = await api.next();
    expect(asked.cookie).toBeUndefined();
    asked.answer();
    await call.outcome;
    expect((await client.sent()).filter((line) => line.includes(`${evil.origin}/`))).toEqual([]);
  });
});
