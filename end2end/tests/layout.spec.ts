import { awake, expect, home, test } from "../fixtures";
import { comesBack } from "../people";
import { layoutShift, recordLayoutShifts } from "../trouble";

for (const width of [320, 768, 1280]) {
  test(`nothing is wider than a window of ${width} pixels`, async ({ page }) => {
    await page.setViewportSize({ width, height: 800 });
    await page.goto("/");
    await comesBack(page, "/", "/api/session", { unknown: "" });
    await awake(page);
    await home.send(page).click();
    await expect(home.answer(page)).toHaveText("Success!");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
  });
}

test("the greeting keeps its distance from the words above it", async ({ page }) => {
  await page.goto("/");
  const words = await page.locator(".lead").boundingBox();
  const greeting = await home.greeting(page).boundingBox();
  expect((greeting?.y ?? 0) - (words?.y ?? 0) - (words?.height ?? 0)).toBeGreaterThan(20);
});

test("nothing moves when the islands wake, and nothing moves when an answer comes", async ({ page }) => {
  await recordLayoutShifts(page);
  await page.goto("/");
  await awake(page);
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("Success!");
  expect(await layoutShift(page)).toBeLessThan(0.001);
});
