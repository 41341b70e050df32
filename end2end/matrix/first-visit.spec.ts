/**
 * Three concurrent calls on a first visit without a cookie: our client sends the first alone, so that one session has
 * all values.
 */

import { places } from "./deployment";
import { expect, home, test } from "./fixtures";
import { pairs } from "./pairs";

const ROUNDS = 50;

for (const pair of pairs.filter(({ frontEnd }) => frontEnd.name === "Hardtack's pages")) {
  test(`${pair.name}: each of ${ROUNDS} first visits ends with one session that has all`, async ({
    browser,
    deploy,
  }) => {
    test.setTimeout(360_000);
    const deployment = await deploy(pair, places.ports);
    for (let round = 1; round <= ROUNDS; round += 1) {
      const context = await browser.newContext();
      const page = await context.newPage();
      const calls: string[] = [];
      page.on("request", (request) => calls.push(...(request.url().match(/\/api\/\w+$/) ?? [])));
      await page.goto(deployment.origin);
      await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
      await expect(home.field(page)).toHaveValue(/./);
      await expect.poll(() => [...new Set(calls)].sort()).toEqual(["/api/overview", "/api/session", "/api/visits"]);
      const value = await home.field(page).inputValue();
      // Again, with the cookie that the browser has now.
      await page.reload();
      await expect(home.greeting(page)).toHaveText("You visited this page 2 times");
      await expect(home.field(page)).toHaveValue(value);
      expect(await deployment.api.sessions()).toBe(round);
      await context.close();
    }
  });
}
