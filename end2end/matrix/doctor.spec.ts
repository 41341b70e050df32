/**
 * The doctor's page: each cause that a page can detect is produced and must be found by its code, without another
 * error.
 */

import { examination, hop } from "../doctor";
import { expect, test } from "./examined";

const HEALTHY = { page: "https://app.example.com", server: "https://api.example.com" };
const FAR = { page: "https://app.example.com", server: "https://api.example.org" };

test.describe("nothing is found", () => {
  test("on the server's own page, with a session and without", async ({ examine, page }) => {
    const examined = await examine({ ...HEALTHY, own: true });
    expect(await examined.run()).toEqual({ errors: [], warnings: [], broken: [] });
    await expect(hop(page, "the server knows the session")).toContainText("Not seen");
    await examined.begin();
    expect(await examined.run()).toEqual({ errors: [], warnings: [], broken: [] });
    await expect(hop(page, "the server knows the session")).toContainText("Fine");
  });

  for (const [what, policy] of [
    ["only reports", { "content-security-policy-report-only": "connect-src 'self'" }],
    ["forbids something else", { "content-security-policy": "img-src 'self'" }],
  ] as const) {
    test(`on a page whose policy ${what}`, async ({ examine }) => {
      const script = "new Image().src = 'https://api.example.com/favicon.svg';";
      const examined = await examine({ ...HEALTHY, headers: policy, script });
      expect(await examined.run()).toEqual({ errors: [], warnings: [], broken: [] });
    });
  }

  test("where a proxy hands on the session's cookie alone", async ({ examine, page }) => {
    const proxy = 'request_header Cookie "^.*?(__Host-hardtack_sess=[^;]*).*$" "$1"';
    const examined = await examine({ ...HEALTHY, proxy });
    await examined.begin();
    expect(await examined.run()).toEqual({ errors: [], warnings: [], broken: [] });
    await expect(hop(page, "the cookie goes along")).toContainText("Fine");
  });

  test("on the server's own page behind a gate that knows visitors by a cookie", async ({ examine }) => {
    const proxy = "@unknown not header Cookie *\nroute @unknown {\n\theader Set-Cookie \"gate=open; Path=/; Secure\"\n\tredir {uri}\n}";
    const examined = await examine({ ...HEALTHY, own: true, proxy });
    expect(await examined.run()).toEqual({ errors: [], warnings: [], broken: [] });
  });

  for (const [where, place] of [
    ["another host of the site", HEALTHY],
    ["another site", FAR],
    ["plain http, and the server on https", { page: "http://localhost", server: "https://localhost" }],
  ] as const) {
    test(`on a page of ${where}`, async ({ examine, page }) => {
      const examined = await examine(place);
      await examined.begin();
      expect(await examined.run()).toEqual({ errors: [], warnings: [], broken: [] });
      await expect(hop(page, "the server knows the session")).toContainText("Fine");
    });
  }
});

test.describe("is found", () => {
  test("HT001, an application that calls without credentials", async ({ examine }) => {
    const client = "globalThis.hardtackDoctor = { client: (url) => fetch(url).then((answer) => answer.json()) };";
    const examined = await examine({ ...HEALTHY, script: client });
    expect(await examined.run()).toMatchObject({ errors: ["HT001"], broken: ["the cookie does not go along"] });
  });

  test("HT003, an answer without leave for credentials", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, upstream: "header_down -Access-Control-Allow-Credentials" });
    expect(await examined.run()).toMatchObject({ errors: ["HT003"], broken: ["the page may not read the answer"] });
  });

  test("HT004, a page whose origin is not listed", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, page: "https://other.example.com", listed: "https://app.example.com" });
    expect(await examined.run()).toMatchObject({ errors: ["HT004"], broken: ["the page may not read the answer"] });
  });

  test("HT004 as what a proxy has done, where the server lists the page", async ({ examine, page }) => {
    const examined = await examine({ ...HEALTHY, upstream: 'header_down +Access-Control-Allow-Origin "*"' });
    expect(await examined.run()).toMatchObject({ errors: ["HT004"], broken: ["the page may not read the answer"] });
    await expect(page.locator(".finding")).toContainText("something between browser and server answers instead");
  });

  test("HT006, a preflight that a proxy answers with 404", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, proxy: "@asks method OPTIONS\nrespond @asks 404" });
    expect(await examined.run()).toMatchObject({ errors: ["HT006"], broken: ["the preflight fails"] });
  });

  test("HT009, an application that sends a header which is not listed", async ({ examine }) => {
    const client = `globalThis.hardtackDoctor = {
      client: (url) => fetch(url, { credentials: "include", headers: { "x-trace": "1" } }).then((answer) => answer.json()),
    };`;
    const examined = await examine({ ...HEALTHY, script: client });
    expect(await examined.run()).toMatchObject({ errors: ["HT009"], broken: ["the preflight fails"] });
  });

  test("HT010, errors that a proxy answers by itself", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, proxy: "respond /api/doctor/fail 502" });
    expect(await examined.run()).toMatchObject({ errors: ["HT010"], broken: ["the page may not read the answer"] });
  });

  test("HT013, a third party's cookie that is not partitioned", async ({ examine }) => {
    const examined = await examine({ ...FAR, settings: { HARDTACK_SESSION_PARTITIONED: "false" } });
    expect(await examined.run()).toMatchObject({ errors: ["HT013"], broken: ["the cookie does not go along"] });
  });

  test("HT004, a visitor who came over plain http, where the server is on https", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, server: "http://api.example.com", own: true, believes: "https" });
    expect(await examined.run()).toMatchObject({ errors: ["HT004"], broken: ["the page may not read the answer"] });
  });

  test("HT016, a server that does not know of the https before it", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, own: true, believes: "http" });
    // The cookie still comes back, but an attacker on the network who makes the browser call over http can read it.
    expect(await examined.run()).toEqual({ errors: [], warnings: ["HT016"], broken: [] });
  });

  test("HT023, a page that was opened by another name of this machine", async ({ examine }) => {
    const place = { page: "http://127.0.0.1", server: "http://localhost", listed: "http://localhost:5173" };
    const examined = await examine(place);
    expect(await examined.run()).toMatchObject({ errors: ["HT023"], broken: ["the page may not read the answer"] });
  });

  test("HT026, another application's cookie of the same name", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, page: "https://api.example.com", setsCookie: "__Host-hardtack_sess=another; Secure; Path=/" });
    expect(await examined.run()).toEqual({ errors: [], warnings: ["HT026"], broken: ["the server does not know the session"] });
  });

  test("HT030, a page whose policy forbids the call", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, headers: { "content-security-policy": "connect-src 'self'" } });
    expect(await examined.run()).toMatchObject({ errors: ["HT030"], broken: ["the call does not arrive"] });
  });

  test("HT030 as a warning, one of two servers that is down", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, nodes: 2 });
    await examined.lose(1);
    expect(await examined.run()).toEqual({ errors: [], warnings: ["HT030"], broken: [] });
  });

  test("HT035, a service worker that answers out of its cache", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, worker: true });
    expect(await examined.run()).toMatchObject({ errors: ["HT035"], broken: ["the call does not arrive"] });
  });

  test("HT035, a proxy that keeps what it must not", async ({ examine }) => {
    const nginx = "proxy_cache kept; proxy_cache_valid 200 1m; proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;";
    const examined = await examine({ ...HEALTHY, own: true, nginx });
    expect(await examined.run()).toMatchObject({ errors: ["HT035"], broken: ["the call does not arrive"] });
  });

  test("HT036, a page that was rendered without the session", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, script: "globalThis.hardtackDoctor = { rendered: false };" });
    await examined.begin();
    expect(await examined.run()).toMatchObject({ errors: ["HT036"], broken: ["the server does not know the session"] });
  });

  test("HT037, a store in memory that was restarted", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, memory: true });
    await examined.begin();
    await examined.restart();
    expect(await examined.run()).toEqual({ errors: [], warnings: ["HT037"], broken: ["the server does not know the session"] });
  });

  test("HT037, a server that has lost its keys", async ({ examine, page }) => {
    const examined = await examine({ ...HEALTHY, memory: true, settings: { HARDTACK_SESSION_KEYS: "" } });
    await examined.begin();
    await examined.restart();
    expect(await examined.run()).toMatchObject({ errors: [], warnings: ["HT037"] });
    await expect(page.locator(".finding")).toContainText("none of its keys has signed it");
  });

  test("HT038, two servers of which each has a store of its own", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, memory: true, nodes: 2 });
    await examined.begin();
    expect(await examined.run()).toMatchObject({ errors: ["HT038"], broken: ["the server does not know the session"] });
  });

  test("HT039, a cookie that a proxy takes away", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, upstream: "header_down -Set-Cookie" });
    expect(await examined.run()).toMatchObject({ errors: ["HT039"], broken: ["the cookie does not go along"] });
  });

  test("HT040, a visitor's clock that is an hour late", async ({ examine, page }) => {
    await page.clock.setFixedTime(Date.now() - 3_600_000);
    const examined = await examine(HEALTHY);
    expect(await examined.run()).toEqual({ errors: [], warnings: ["HT040"], broken: [] });
  });
});

test.describe("where nothing arrives, the page says so and leads on", () => {
  test("HT028, a page on https and a server on plain http", async ({ examine }) => {
    const examined = await examine({ ...HEALTHY, server: "http://api.example.com", listed: "http://app.example.com", copy: true });
    expect(await examined.run()).toMatchObject({ errors: ["HT028"], broken: ["the call does not arrive"] });
  });

  for (const [cause, what] of [
    ["HT027, a server whose certificate is not trusted", { untrusted: true }],
    ["HT030, a server that has stopped", {}],
  ] as const) {
    test(cause, async ({ examine, page }) => {
      const examined = await examine({ ...HEALTHY, exported: true, ...what });
      await examined.open();
      if (!("untrusted" in what)) await examined.leave();
      await examination(page).click();
      const unreached = page.locator("[data-doctor=unreached]");
      await expect(unreached).toContainText(`Your browser cannot reach ${examined.server}`);
      await expect(unreached).toContainText(cause.split(",")[0]);
      // The link leads to the report, for the time when the server is reachable again.
      const report = await unreached.getByRole("link").getAttribute("href");
      expect(JSON.parse(new URL(report ?? "").searchParams.get("tries") ?? "")).toMatchObject({ opaque: "failed" });
    });
  }
});

test("an exported page examines its own origin", async ({ examine }) => {
  const examined = await examine({ ...FAR, exported: true });
  expect(await examined.run()).toEqual({ errors: [], warnings: [], broken: [] });
});

test("what is copied is all of it, and holds no cookie's value and nothing of the page's path", async ({ examine, page, context }) => {
  const examined = await examine({ ...HEALTHY, path: "/reset/a-secret-of-the-path?token=a-secret-of-the-query" });
  await examined.begin();
  await examined.run();
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy the text" }).click();
  await expect(page.getByRole("button", { name: "Copied" })).toBeVisible();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toContain("Nothing is wrong with what was seen.");
  expect(copied).toContain("__Host-hardtack_sess=; HttpOnly; SameSite=Lax; Secure; Path=/");
  const values = (await context.cookies()).map(({ value }) => value);
  expect(values.length).toBeGreaterThan(2);
  for (const value of [...values, "a-secret"]) expect(copied + page.url()).not.toContain(value);
});
