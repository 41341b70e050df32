import { setTimeout as pause } from "node:timers/promises";
import { Counter } from "./counter";
import { COOKIE, countsVisits, expect, needs, proxies, test } from "./fixtures";
import type { Node } from "./node";
import { isCareful, keepsFiles, promises } from "./promises";
import type { Site } from "./site";
import type { Visitor } from "./visitor";

/** Longer than a proxy takes to notice that a node is down, and than nginx waits before it tries the node again. */
const NOTICED = 6_000;

function served({ log }: Node): number {
  return log.match(/path="\/api\/visits" status=200/g)?.length ?? 0;
}

/** Waits until both nodes get visits again. */
async function bothServe(site: Site): Promise<void> {
  const before = site.nodes.map(served);
  const visitor = site.visitor();
  const both = async () => {
    await visitor.count();
    return site.nodes.every((node, index) => served(node) > before[index]);
  };
  await expect.poll(both, { message: "both nodes serve", timeout: 20_000 }).toBe(true);
}

function unsent(visitors: Visitor[]): number {
  return visitors.reduce((sum, { unsent }) => sum + unsent, 0);
}

for (const proxy of proxies) {
  test.describe(`two nodes behind ${proxy}`, () => {
    needs(proxy, "nodes");
    const wanted = { proxy, kind: "nodes" } as const;

    test("visits are counted in a browser, by one cookie for both", async ({ page, context, serve }) => {
      const site = await serve(wanted);
      await countsVisits(page, site.origin);
      expect(await context.cookies()).toMatchObject([{ name: COOKIE, secure: true, httpOnly: true, sameSite: "Lax" }]);
    });

    test("a session counts on exactly, whichever node answers", async ({ serve }) => {
      const site = await serve(wanted);
      const visitor = site.visitor();
      for (let visits = 1; visits <= 20; visits += 1) expect(await visitor.count()).toBe(visits);
      const rest = await Promise.all(Array.from({ length: 20 }, () => visitor.count()));
      expect(rest.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 21));
      // The proxy does not use a node for a while after a slow health check.
      let visits = 40;
      for (const node of site.nodes) {
        const count = async () => {
          expect(await visitor.count()).toBe((visits += 1));
          return served(node);
        };
        await expect.poll(count).toBeGreaterThan(5);
      }
    });

    test("a node is killed, and nobody is signed out", async ({ serve }) => {
      test.setTimeout(120_000);
      const site = await serve(wanted);
      const visitors = Array.from({ length: 5 }, () => site.visitor());
      const allCount = async (...all: number[]) => {
        const before = unsent(visitors);
        for (const visits of all) for (const visitor of visitors) expect(await visitor.count()).toBe(visits);
        return unsent(visitors) - before;
      };
      expect(await allCount(1)).toBe(0);
      await site.nodes[1].stop("SIGKILL");
      const lost = await allCount(2);
      // Until Caddy before 2.11.2 knows that the node is down, it fails requests with a body.
      if (proxy === "nginx") expect(lost).toBe(0);
      await pause(NOTICED);
      expect(await allCount(3, 4)).toBe(0);
      await site.nodes[1].start();
      await bothServe(site);
      await site.nodes[0].stop("SIGKILL");
      await pause(NOTICED);
      expect(await allCount(5, 6)).toBe(0);
    });

    test("an upgrade, one node after the other, leaves every session as it is", async ({ serve }) => {
      test.setTimeout(120_000);
      const site = await serve(wanted);
      const visitor = site.visitor();
      let visits = 0;
      let over = false;
      const visiting = (async () => {
        while (!over) expect(await visitor.count()).toBe((visits += 1));
      })();
      const goesOn = async () => {
        const before = visits;
        await expect.poll(() => visits - before, { timeout: 20_000 }).toBeGreaterThan(20);
      };
      await goesOn();
      for (const node of site.nodes) {
        await node.stop();
        await node.start();
        await bothServe(site);
        await goesOn();
      }
      over = true;
      await visiting;
      // A node that stops may close a connection that nginx has just chosen, at most once for each node.
      if (proxy === "nginx") expect(unsent([visitor])).toBeLessThanOrEqual(2);
    });

    test("without the store, who has no session is served, and who has one keeps the cookie", async ({ serve }) => {
      const site = await serve(wanted);
      const visitor = site.visitor();
      expect(await visitor.count()).toBe(1);
      await site.redis?.stop();
      await pause(NOTICED);
      expect((await site.call(`${site.origin}/favicon.svg`)).status).toBe(200);
      expect((await site.call(`${site.origin}/nowhere`, { headers: { accept: "text/html" } })).status).toBe(404);
      const refused = await visitor.visit();
      expect(refused.status).toBe(503);
      expect(refused.one("retry-after")).toMatch(/^\d+$/);
      expect(refused.one("set-cookie")).toBeUndefined();
    });

    test("what changes something is sent to one node only", async ({ serve }) => {
      const nodes = [await Counter.start("breaks off"), await Counter.start("breaks off")];
      try {
        const site = await serve({ ...wanted, instead: nodes.map(({ port }) => port) });
        const post = await site.call(`${site.origin}/api/visits`, { method: "POST", body: "{}" });
        expect(post.status).toBe(502);
        expect(nodes.flatMap(({ arrived }) => arrived)).toEqual(["POST"]);
      } finally {
        for (const node of nodes) await node.stop();
      }
    });

    test("what only reads is sent to the next node when one breaks off", async ({ serve }) => {
      const nodes = [await Counter.start("breaks off"), await Counter.start("answers")];
      try {
        const site = await serve({ ...wanted, instead: nodes.map(({ port }) => port) });
        for (let turn = 0; turn < 2; turn += 1) {
          expect((await site.call(`${site.origin}/api/session`)).text).toBe("done");
        }
        const [broken, whole] = nodes.map(({ arrived }) => arrived.length);
        expect(broken).toBeGreaterThan(0);
        expect(whole).toBe(2);
      } finally {
        for (const node of nodes) await node.stop();
      }
    });

    test("files arrive compressed, and security headers once", async ({ serve }) => {
      const site = await serve(wanted);
      await keepsFiles(site, site.origin, ["br", "gzip"]);
      for (const path of ["/", "/nowhere", "/api/session"]) await isCareful(site, site.origin + path);
    });

    promises(wanted, ["app.example.com"]);
  });
}
