import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { awake } from "../fixtures";
import { COOKIE, countsVisits, expect, home, needs, proxies, test } from "./fixtures";
import { isCareful, keepsFiles, promises } from "./promises";

/** The encodings of the exported files that each proxy serves. nginx needs a package for Brotli. */
const PRECOMPRESSED = { Caddy: ["br", "gzip"], nginx: ["gzip"] };

for (const proxy of proxies) {
  test.describe(`pages and API on two origins behind ${proxy}`, () => {
    needs(proxy, "split");
    const wanted = { proxy, kind: "split" } as const;

    test("visits are counted across origins, by a cookie of the API's host", async ({ page, context, serve }) => {
      const site = await serve(wanted);
      await countsVisits(page, site.origin);
      expect(await context.cookies()).toMatchObject([
        { name: COOKIE, domain: "api.example.com", path: "/", secure: true, httpOnly: true, sameSite: "Lax" },
      ]);
    });

    test("the value of the session is confirmed", async ({ page, serve }) => {
      await page.goto((await serve(wanted)).origin);
      await awake(page);
      await expect(home.field(page)).toHaveValue(/./);
      await home.send(page).click();
      await expect(home.answer(page)).toHaveText("Success!");
    });

    test("a form of the page reaches the API without scripts", async ({ visitor, serve }) => {
      const site = await serve(wanted);
      const page = await visitor({ javaScriptEnabled: false });
      await page.goto(site.origin);
      const [posted] = await Promise.all([
        page.waitForRequest((request) => request.method() === "POST"),
        home.theme(page, "Dark").click(),
      ]);
      expect(posted.url()).toBe(`${site.api}/api/theme`);
      expect(await posted.headerValue("origin")).toBe(site.origin);
      expect((await posted.response())?.status()).toBe(303);
      await page.waitForLoadState("networkidle");
    });

    test("each page is a file, compressed, and asked for anew each time", async ({ serve }) => {
      const site = await serve(wanted);
      const endings: Record<string, string> = { br: ".br", gzip: ".gz" };
      for (const path of ["/", "/devices"]) {
        const plain = await site.call(site.origin + path);
        expect(plain.status, path).toBe(200);
        expect(plain.text).toContain(`<meta name="hardtack-api" content="${site.api}">`);
        expect(plain.one("cache-control")).toBe("no-cache");
        const etag = plain.one("etag") ?? "";
        expect((await site.call(site.origin + path, { headers: { "if-none-match": etag } })).status).toBe(304);
        for (const encoding of PRECOMPRESSED[proxy]) {
          const answer = await site.call(site.origin + path, { headers: { "accept-encoding": encoding } });
          expect(answer.one("content-encoding")).toBe(encoding);
          expect(answer.one("content-type")).toMatch(/^text\/html/);
          // The exported file, not a file that the proxy has compressed itself.
          expect(answer.body).toEqual(await readFile(join(site.pages, path, `index.html${endings[encoding]}`)));
        }
      }
      await keepsFiles(site, site.origin, PRECOMPRESSED[proxy]);
    });

    test("what is not there is a page that says so, and is kept by nobody", async ({ page, serve, trouble }) => {
      trouble.expect(/\b404\b/);
      const site = await serve(wanted);
      for (const path of ["/nowhere", "/pkg/nowhere.js", "/devices/nowhere"]) {
        const answer = await site.call(site.origin + path, { headers: { accept: "text/html" } });
        expect(answer.status, path).toBe(404);
        expect(answer.one("content-type"), path).toMatch(/^text\/html/);
        expect(answer.one("cache-control"), path).toBe("no-store");
      }
      const answer = await page.goto(`${site.origin}/nowhere`);
      expect(answer?.status()).toBe(404);
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("There is nothing here.");
    });

    test("a page is shown in no frame", async ({ page, serve, trouble }) => {
      const site = await serve(wanted);
      trouble.expect(/frame-ancestors/, /ERR_BLOCKED_BY_RESPONSE/);
      await page.setContent(`<iframe src="${site.origin}/"></iframe>`);
      await expect.poll(() => page.frames()[1]?.url()).toBe("chrome-error://chromewebdata/");
    });

    test("security headers are there once, on pages, files, errors and the API", async ({ serve }) => {
      const site = await serve(wanted);
      for (const path of ["/", "/favicon.svg", "/nowhere"]) await isCareful(site, site.origin + path);
      for (const path of ["/", "/nowhere", "/api/session"]) await isCareful(site, site.api + path);
    });

    test("leave to call is given once, to the pages alone", async ({ serve }) => {
      const site = await serve(wanted);
      const asked = (origin: string) => ({
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
      });
      const leave = await site.call(`${site.api}/api/visits`, asked(site.origin));
      expect(leave.status).toBe(204);
      expect(leave.one("access-control-allow-origin")).toBe(site.origin);
      expect(leave.one("access-control-allow-credentials")).toBe("true");
      expect(leave.all("vary").join()).toMatch(/origin/i);
      expect((await site.call(`${site.api}/api/visits`, asked("https://other.example.com"))).status).toBe(403);
    });

    test("what the proxy answers itself is read by the pages, and by no others", async ({ page, serve, trouble }) => {
      const site = await serve(wanted);
      await page.goto(site.origin);
      await awake(page);
      await site.nodes[0].stop();
      const away = await site.call(`${site.api}/api/session`, { headers: { origin: site.origin } });
      expect(away.status).toBe(502);
      expect(away.all("access-control-allow-origin")).toEqual([site.origin]);
      expect(away.all("access-control-allow-credentials")).toEqual(["true"]);
      expect(away.all("vary").join()).toMatch(/origin/i);
      expect(away.all("retry-after")).toEqual(["1"]);
      expect(away.all("cache-control")).toEqual(["no-store"]);
      expect(away.all("strict-transport-security")).toEqual(["max-age=31536000"]);
      const strangers: Record<string, string>[] = [{ origin: "https://other.example.com" }, { origin: `${site.origin}0` }, {}];
      for (const headers of strangers) {
        const strange = await site.call(`${site.api}/api/session`, { headers });
        expect(strange.status).toBe(502);
        expect(strange.all("access-control-allow-origin")).toEqual([]);
        expect(strange.all("access-control-allow-credentials")).toEqual([]);
        expect(strange.all("vary").join()).toMatch(/origin/i);
      }
      trouble.expect(/\b502\b/, /\/api\/events/);
      const read = await page.evaluate(async (url) => {
        const answer = await fetch(url, { credentials: "include" });
        return [answer.status, answer.headers.get("retry-after")];
      }, `${site.api}/api/session`);
      expect(read).toEqual([502, "1"]);
    });

    if (proxy === "nginx") {
      test("a page is told that its body is too large", async ({ serve }) => {
        const site = await serve(wanted);
        const headers = { origin: site.origin, "content-type": "application/json" };
        const answer = await site.call(`${site.api}/api/session`, { method: "POST", headers, body: "x".repeat(100_000) });
        expect(answer.status).toBe(413);
        expect(answer.all("access-control-allow-origin")).toEqual([site.origin]);
        expect(answer.all("access-control-allow-credentials")).toEqual(["true"]);
        expect(answer.all("retry-after")).toEqual([]);
      });
    }

    promises(wanted, ["app.example.com", "api.example.com"]);
  });
}
