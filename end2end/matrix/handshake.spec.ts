import { places } from "./deployment";
import { expect, home, open, test } from "./fixtures";
import { pairs } from "./pairs";
import { comeBack, shakeHands } from "./steps";

for (const pair of pairs) {
  for (const [where, place] of [
    ["two ports", places.ports],
    ["two hosts of one site", places.hosts],
  ] as const) {
    test.describe(`${pair.name}, ${where}`, () => {
      test("the value of the session is confirmed, an edited one is refused", async ({ page, deploy, trouble }) => {
        trouble.expect(/\b409\b/);
        await shakeHands(page, await deploy(pair, place));
      });

      test("a reload keeps the value and counts as a visit", async ({ page, deploy }) => {
        await comeBack(page, await deploy(pair, place));
      });

      test("two browsers have two sessions", async ({ page, visitor, deploy }) => {
        const deployment = await deploy(pair, place);
        const other = await visitor();
        const value = await open(page, deployment);
        // Wait for the count, because leaving the page would cancel its request.
        await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
        await page.reload();
        await expect(home.greeting(page)).toHaveText("You visited this page 2 times");
        expect(await open(other, deployment)).not.toBe(value);
        await expect(home.greeting(other)).toHaveText("Welcome to this page for the first time!");
        expect(await deployment.api.sessions()).toBe(2);
      });
    });
  }
}
