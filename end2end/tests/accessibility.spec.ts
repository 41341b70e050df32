import axe from "axe-core";
import { awake, expect, goToRefusal, home, type Page, test } from "../fixtures";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const results = await page.evaluate(
    (rules) => (window as unknown as { axe: typeof axe }).axe.run(document, { runOnly: rules }),
    RULES,
  );
  return results.violations.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html}`));
}

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`in the ${colorScheme} theme axe finds nothing`, () => {
    test.use({ colorScheme });

    test("on the home page", async ({ page }) => {
      await page.goto("/");
      await awake(page);
      expect(await violations(page)).toEqual([]);
    });

    test("on the home page after an answer", async ({ page, trouble }) => {
      trouble.expect(/\b409\b/);
      await page.goto("/");
      await awake(page);
      await home.field(page).fill("something else");
      await home.send(page).click();
      await expect(home.answer(page)).not.toBeEmpty();
      expect(await violations(page)).toEqual([]);
    });

    test("on the home page with a notice", async ({ page }) => {
      await page.goto("/?error=unavailable");
      await awake(page);
      await expect(home.notice(page)).toBeVisible();
      expect(await violations(page)).toEqual([]);
    });

    test("on the page that says that there is none", async ({ page, trouble }) => {
      trouble.expect(/\b404\b/);
      expect((await page.goto("/no-such-page"))?.status()).toBe(404);
      await awake(page);
      expect(await violations(page)).toEqual([]);
    });

    test("on the page of an error, which has no islands", async ({ page, trouble }) => {
      trouble.expect(/\b415\b/);
      await goToRefusal(page);
      await expect(page).toHaveTitle("That could not be understood. · Hardtack");
      expect(await violations(page)).toEqual([]);
    });
  });
}
