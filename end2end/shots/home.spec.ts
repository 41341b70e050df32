/** Screenshots of the pages. SHOTS names their folder, or a file for the one of the README. */

import { comesBack } from "../people";
import { join } from "node:path";
import { awake, expect, goToRefusal, home, test } from "../fixtures";

const into = process.env.SHOTS ?? "";
const one = into.endsWith(".png");

test("the README's picture", async ({ visitor }) => {
  test.skip(!one, "SHOTS names a folder");
  const page = await visitor({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
  await page.goto("/");
  await page.reload();
  await awake(page);
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("Success!");
  // Removes hover and focus.
  await page.mouse.move(0, 0);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.screenshot({ path: into, fullPage: true });
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [320, 768, 1280]) {
    test(`${colorScheme}, ${width} pixels`, async ({ visitor, trouble }) => {
      test.skip(one, "SHOTS names a file");
      trouble.expect(/\b404\b/, /\b415\b/);
      const page = await visitor({ viewport: { width, height: 800 }, colorScheme });
      const take = (name: string) =>
        page.screenshot({ path: join(into, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      await page.goto("/");
      await awake(page);
      await take("home");
      await comesBack(page, "/", "/api/session", { unknown: "" });
      await take("notice");
      await page.goto("/no-such-page");
      await take("not-found");
      await goToRefusal(page);
      await take("error");
    });

    test(`${colorScheme}, ${width} pixels, without JavaScript`, async ({ visitor }) => {
      test.skip(one, "SHOTS names a file");
      const page = await visitor({ viewport: { width, height: 800 }, colorScheme, javaScriptEnabled: false });
      await page.goto("/");
      await home.send(page).click();
      await page.screenshot({ path: join(into, `plain-${colorScheme}-${width}.png`), fullPage: true });
    });
  }
}
