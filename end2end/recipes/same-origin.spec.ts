import { COOKIE, countsVisits, expect, needs, proxies, test } from "./fixtures";
import { isCareful, keepsFiles, promises } from "./promises";

for (const proxy of proxies) {
  test.describe(`same origin behind ${proxy}`, () => {
    needs(proxy, "same-origin");
    const wanted = { proxy, kind: "same-origin" } as const;

    test("visits are counted, by a cookie for this host over https alone", async ({ page, context, serve }) => {
      const site = await serve(wanted);
      await countsVisits(page, site.origin);
      expect(await context.cookies()).toMatchObject([
        { name: COOKIE, domain: "app.example.com", path: "/", secure: true, httpOnly: true, sameSite: "Lax" },
      ]);
    });

    test("an upgrade signs nobody out", async ({ serve }) => {
      const site = await serve(wanted);
      const visitor = site.visitor();
      expect(await visitor.count()).toBe(1);
      await site.nodes[0].stop();
      expect((await visitor.visit()).status).toBe(502);
      await site.nodes[0].start();
      expect(await visitor.count()).toBe(2);
    });

    test("files arrive compressed, with how long they may be kept", async ({ serve }) => {
      const site = await serve(wanted);
      await keepsFiles(site, site.origin, ["br", "gzip"]);
      const page = await site.call(`${site.origin}/`, { headers: { "accept-encoding": "br" } });
      expect(page.one("content-encoding")).toBe("br");
      expect(page.one("cache-control")).toBe("no-store, no-transform");
    });

    test("security headers are there once", async ({ serve }) => {
      const site = await serve(wanted);
      for (const path of ["/", "/nowhere", "/favicon.svg", "/api/session"]) await isCareful(site, site.origin + path);
    });

    promises(wanted, ["app.example.com"]);
  });
}
