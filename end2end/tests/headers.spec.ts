import { awake, expect, home, test } from "../fixtures";

test("s88 s89: the policy has a new nonce for each page, allows no inline code, and the islands work under it", async ({
  page,
}) => {
  const nonces = new Set<string>();
  for (let load = 0; load < 3; load += 1) {
    const answer = await page.goto("/");
    const policy = (await answer?.headerValue("content-security-policy")) ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("'wasm-unsafe-eval'");
    expect(policy).not.toContain("'unsafe-");
    nonces.add(policy.match(/'nonce-([^']{22,})'/)?.[1] ?? "");
    await awake(page);
    await home.send(page).click();
    await expect(home.answer(page)).toHaveText("Success!");
    await home.theme(page, "Dark").click();
    await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
    // The fixture `trouble` would report a violation.
  }
  expect(nonces.size).toBe(3);
  expect(nonces).not.toContain("");
});

test("s88: a script without the nonce does not run", async ({ page, trouble }) => {
  trouble.expect(/CSP violation: script-src/, /Content Security Policy/);
  await page.goto("/");
  await awake(page);
  await page.evaluate(() => {
    const script = document.createElement("button");
    script.setAttribute("onclick", "window.smuggled = true");
    document.body.append(script);
    script.click();
  });
  expect(await page.evaluate(() => "smuggled" in window)).toBe(false);
});

test("the program and the style are compressed, kept for ever, and named by their content", async ({ page }) => {
  const assets: [string, Record<string, string>][] = [];
  page.on("response", async (response) => {
    if (new URL(response.url()).pathname.startsWith("/pkg/")) assets.push([response.url(), response.headers()]);
  });
  await page.goto("/");
  await awake(page);
  expect(assets.length).toBeGreaterThanOrEqual(3);
  for (const [url, headers] of assets) {
    expect(url).toMatch(/\/hardtack\.[\w-]{22}\.(css|js|wasm)$/);
    expect(headers["cache-control"], url).toContain("immutable");
    expect(headers["content-encoding"], url).toMatch(/^(br|gzip)$/);
  }
});
