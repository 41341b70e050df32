/** The doctor's page of a server on this machine. The tests of the single causes are in matrix/doctor.spec.ts. */

import { expectAccessible } from "../axe";
import { brokenReport, examination, examine, hop } from "../doctor";
import { expect, home, test } from "../fixtures";
import { layoutShift, recordLayoutShifts } from "../trouble";

// One of the doctor's calls requests a response of 500.
test.beforeEach(({ trouble }) => trouble.expect(/\b500\b/));

test("a healthy browser is told so, and its session is known", async ({ page }) => {
  await page.goto("/");
  await expect(home.field(page)).not.toBeEmpty();
  await page.getByRole("link", { name: "Lost your session?" }).click();
  await examination(page).click();
  await expect(page.getByRole("heading", { name: "No problem found" })).toBeVisible();
  await expect(hop(page, "the cookie goes along")).toContainText("Fine");
  await expect(hop(page, "the server knows the session")).toContainText("Fine");
  await expect(page.locator(".broken")).toHaveCount(0);
});

test("the hop that breaks is red, and says so in words", async ({ page }) => {
  await examine(page);
  await page.goto(brokenReport(page.url()));
  await expect(page.getByRole("heading", { name: "The session is lost" })).toBeVisible();
  await expect(hop(page, "the cookie does not go along")).toContainText("Broken");
  await expect(page.getByText("HT023 error", { exact: true })).toBeVisible();
  const bad = await page.evaluate(() => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = "var(--bad)";
    return getComputedStyle(probe).color;
  });
  await expect(page.locator("svg .broken")).toHaveCSS("stroke", bad);
  await expect(page.locator(".hops .bad .hint")).toHaveCSS("color", bad);
});

test("it works by keyboard alone", async ({ page }) => {
  await page.goto("/doctor");
  const button = examination(page);
  for (let stops = 0; stops < 15; stops += 1) {
    await page.keyboard.press("Tab");
    if (await button.evaluate((it) => it === document.activeElement)) break;
  }
  await expect(button).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Cookies work" })).toBeVisible();
});

test("a server that answers with an error is told of, and the button works again", async ({ page, trouble }) => {
  trouble.expect(/\b503\b/);
  await page.route("**/api/doctor/echo**", (route) => route.fulfill({ status: 503, body: "{}" }));
  await page.goto("/doctor");
  const button = examination(page);
  await button.click();
  await expect(page.locator("[data-doctor=status]")).toHaveText("The server answers with status 503. Try again in a moment.");
  await expect(button).toBeEnabled();
  await page.unrouteAll();
  await button.click();
  await expect(page.getByRole("heading", { name: "Cookies work" })).toBeVisible();
});

test("without JavaScript it says what is missing", async ({ visitor }) => {
  const page = await visitor({ javaScriptEnabled: false });
  await page.goto("/doctor");
  // Playwright's locators by text do not see the content of a `noscript`.
  await expect(page.locator(".examination noscript p")).toBeVisible();
  await expect(examination(page)).toBeDisabled();
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`in the ${colorScheme} theme axe finds nothing, and nothing is wider than 320 pixels`, async ({ visitor }) => {
    const page = await visitor({ colorScheme, viewport: { width: 320, height: 800 } });
    const look = async () => {
      await expectAccessible(page);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
    };
    await recordLayoutShifts(page);
    await page.goto("/doctor");
    await look();
    expect(await layoutShift(page)).toBeLessThan(0.001);
    await examine(page);
    await look();
    await page.goto(brokenReport(page.url()));
    await look();
  });
}
