import { comesBack } from "../people";
import { expectAccessible } from "../axe";
import { awake, expect, goToRefusal, home, test } from "../fixtures";

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`in the ${colorScheme} theme axe finds nothing`, () => {
    test.use({ colorScheme });

    test("on the home page", async ({ page }) => {
      await page.goto("/");
      await awake(page);
      await expectAccessible(page);
    });

    test("on the home page after an answer", async ({ page, trouble }) => {
      trouble.expect(/\b409\b/);
      await page.goto("/");
      await awake(page);
      await home.field(page).fill("something else");
      await home.send(page).click();
      await expect(home.answer(page)).not.toBeEmpty();
      await expectAccessible(page);
    });

    test("on the home page with a notice", async ({ page }) => {
      await page.goto("/");
      await comesBack(page, "/", "/api/session", { unknown: "" });
      await awake(page);
      await expect(home.notice(page)).toBeVisible();
      await expectAccessible(page);
    });

    test("on the page that says that there is none", async ({ page, trouble }) => {
      trouble.expect(/\b404\b/);
      expect((await page.goto("/no-such-page"))?.status()).toBe(404);
      await awake(page);
      await expectAccessible(page);
    });

    test("on the page of an error, which has no islands", async ({ page, trouble }) => {
      trouble.expect(/\b415\b/);
      await goToRefusal(page);
      await expect(page).toHaveTitle("Invalid request. · Hardtack");
      await expectAccessible(page);
    });
  });
}
