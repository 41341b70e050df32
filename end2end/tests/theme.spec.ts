import { awake, expect, home, type Page, SESSION_COOKIE, test } from "../fixtures";

/** Returns the brightness of the painted background, from 0 (black) to 255 (white). */
async function brightness(page: Page): Promise<number> {
  const { data, width, height } = await page.evaluate(async (picture) => {
    const image = await createImageBitmap(new Blob([Uint8Array.from(picture)], { type: "image/png" }));
    const canvas = new OffscreenCanvas(image.width, image.height);
    const pen = canvas.getContext("2d")!;
    pen.drawImage(image, 0, 0);
    return { data: [...pen.getImageData(2, image.height - 3, 1, 1).data], width: image.width, height: image.height };
  }, [...(await page.screenshot())]);
  expect(width * height).toBeGreaterThan(0);
  return (data[0] + data[1] + data[2]) / 3;
}

for (const javaScriptEnabled of [true, false]) {
  const without = javaScriptEnabled ? "with" : "without";

  test(`the theme follows the system, a choice overrides it and survives a reload, ${without} JavaScript`, async ({
    visitor,
  }) => {
    const page = await visitor({ javaScriptEnabled, colorScheme: "dark" });
    const root = page.locator("html");
    await page.goto("/");
    if (javaScriptEnabled) await awake(page);
    await expect(root).toHaveAttribute("data-theme", "system");
    await expect(home.theme(page, "System")).toHaveAttribute("aria-pressed", "true");

    await home.theme(page, "Light").click();
    await expect(root).toHaveAttribute("data-theme", "light");
    await expect(home.theme(page, "Light")).toHaveAttribute("aria-pressed", "true");
    await expect(home.theme(page, "System")).toHaveAttribute("aria-pressed", "false");
    await expect
      .poll(async () => (await page.context().cookies()).find(({ name }) => name === "theme")?.value)
      .toBe("light");

    await page.reload();
    await expect(root).toHaveAttribute("data-theme", "light");
    await expect(home.theme(page, "Light")).toHaveAttribute("aria-pressed", "true");
  });
}

test("dark is dark and light is light, by the system and by choice", async ({ page }) => {
  await page.goto("/");
  await awake(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(() => brightness(page)).toBeLessThan(60);
  await page.emulateMedia({ colorScheme: "light" });
  await expect.poll(() => brightness(page)).toBeGreaterThan(200);
  await home.theme(page, "Dark").click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await expect.poll(() => brightness(page)).toBeLessThan(60);
  await page.emulateMedia({ colorScheme: "dark" });
  await home.theme(page, "Light").click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
  await expect.poll(() => brightness(page)).toBeGreaterThan(200);
});

test("no page flashes: the chosen theme is in the HTML as served", async ({ page, context, baseURL }) => {
  await context.addCookies([{ name: "theme", value: "dark", url: baseURL! }]);
  const served = await page.request.get("/");
  expect(await served.text()).toMatch(/<html[^>]*\bdata-theme="dark"/);
  expect(await (await page.request.get("/no-such-page")).text()).toMatch(/<html[^>]*\bdata-theme="dark"/);
});

test("the choice is a plain cookie that outlives the browser, and choosing begins no session", async ({
  page,
  context,
}) => {
  const answer = await page.request.post("/api/theme", { data: { theme: "dark" } });
  expect(answer.status()).toBe(200);
  const cookies = await context.cookies();
  expect(cookies.map(({ name }) => name)).not.toContain(SESSION_COOKIE);
  expect(cookies).toHaveLength(1);
  expect(cookies[0]).toMatchObject({ name: "theme", value: "dark", sameSite: "Lax", path: "/" });
  expect(cookies[0].expires).toBeGreaterThan(Date.now() / 1000 + 30 * 86_400);
});
