import { awake, expect, home, isMarked, mark, type Page, test } from "../fixtures";

/** Returns the name of the focused element, and whether its focus is visible. */
async function focused(page: Page): Promise<{ name: string; visible: boolean }> {
  return page.evaluate(() => {
    const element = document.activeElement as HTMLElement;
    const label = (element as HTMLInputElement).labels?.[0]?.textContent;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    const outlined = outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
    const { width, height } = element.getBoundingClientRect();
    return {
      name: (label || element.textContent || "").trim(),
      visible: (outlined || boxShadow !== "none") && width > 1 && height > 1,
    };
  });
}

test("Tab reaches skip link, theme, field and Send in this order, and the focus can be seen", async ({ page }) => {
  await page.goto("/");
  await awake(page);
  const wanted = ["Skip to content", "System", "Light", "Dark", "Value in the session", "Send"];
  const reached: string[] = [];
  while (reached.length < 20 && !reached.includes("Send")) {
    await page.keyboard.press("Tab");
    const { name, visible } = await focused(page);
    expect(visible, `the focus on “${name}” can be seen`).toBe(true);
    reached.push(name);
  }
  expect(reached.filter((name) => wanted.includes(name))).toEqual(wanted);
});

test("the skip link leads past the header", async ({ page }) => {
  await page.goto("/");
  await awake(page);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  expect((await focused(page)).name).toBe("Value in the session");
});

test("Enter in the field sends, and a theme is chosen with the space bar", async ({ page }) => {
  await page.goto("/");
  await awake(page);
  await mark(page);
  await home.field(page).focus();
  await page.keyboard.press("Enter");
  await expect(home.answer(page)).toHaveText("Success!");
  await home.theme(page, "Dark").focus();
  await page.keyboard.press("Space");
  await expect(home.theme(page, "Dark")).toHaveAttribute("aria-pressed", "true");
  expect(await isMarked(page)).toBe(true);
});

test("the focus stays on Send after sending", async ({ page }) => {
  await page.goto("/");
  await awake(page);
  await home.send(page).focus();
  await page.keyboard.press("Enter");
  await expect(home.answer(page)).toHaveText("Success!");
  await expect(home.send(page)).toBeFocused();
});

test("a visitor who moves on before the next frame keeps the new focus", async ({ page }) => {
  let answer = () => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/api/session", async (route) => {
    if (route.request().method() === "POST") await held;
    await route.continue();
  });
  await page.clock.install();
  await page.goto("/");
  await awake(page);
  // From here on the page's frames wait for `runFor`.
  await page.clock.pauseAt(Date.now() + 10_000);
  await home.send(page).focus();
  await page.keyboard.press("Enter");
  // The browser takes the focus from the button, which is disabled while it sends.
  await expect(home.send(page)).toBeDisabled();
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe("BODY");
  answer();
  await expect(home.answer(page)).toHaveText("Success!");
  await home.field(page).focus();
  await page.clock.runFor(100);
  await expect(home.field(page)).toBeFocused();
});
