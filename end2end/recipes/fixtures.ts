/** The fixtures of the recipes' tests. */

import { leaveAll, type Page } from "../fixtures";
import { expect, home, test as base } from "../matrix/fixtures";
import type { Kind, ProxyName } from "./recipe";
import { find, Site, type Wanted } from "./site";

export { expect, home };

type Fixtures = {
  /** Starts a recipe, which is stopped when the test ends. */
  serve: (wanted: Wanted) => Promise<Site>;
};

export const COOKIE = "__Host-hardtack_sess";

export const proxies: ProxyName[] = ["Caddy", "nginx"];

export const test = base.extend<Fixtures>({
  serve: async ({ browser, authority, trouble }, use) => {
    trouble.expect(/^request elsewhere: https:\/\/(app|api)\.example\.com:/);
    const started: Site[] = [];
    await use(async (wanted) => {
      const site = await Site.start(wanted, authority);
      started.push(site);
      return site;
    });
    await leaveAll(browser);
    for (const site of started) await site.stop();
  },
});

/** Skips the tests of a recipe whose programs are not installed, with their names. */
export function needs(proxy: ProxyName, kind: Kind): void {
  const programs = [proxy.toLowerCase(), ...(kind === "nodes" ? ["redis-server"] : [])];
  const missing = programs.filter((name) => !find(name));
  test.skip(missing.length > 0, `${missing.join(" and ")} is not installed`);
}

/** Asserts that the page counts each load as a visit. */
export async function countsVisits(page: Page, origin: string): Promise<void> {
  await page.goto(origin);
  await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
  for (const visits of [2, 3]) {
    await page.reload();
    await expect(home.greeting(page)).toHaveText(`You visited this page ${visits} times`);
  }
}
