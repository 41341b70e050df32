/** Screenshots of the account pages, to look at. */

import { join } from "node:path";
import { expect, test } from "../fixtures";
import { brokenReport, examination } from "../doctor";
import { comesBack, button, complaint, field, open, signIn, signUp, somebody } from "../people";

const into = process.env.SHOTS ?? "";

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [320, 1280]) {
    for (const javaScriptEnabled of [true, false]) {
      const how = `${colorScheme}-${width}${javaScriptEnabled ? "" : "-plain"}`;

      test(`pages of an account, ${how}`, async ({ visitor, trouble }) => {
        test.skip(into.endsWith(".png"), "SHOTS names a file");
        trouble.expect(/\b401\b/, /\b400\b/, /\b500\b/);
        const page = await visitor({ viewport: { width, height: 800 }, colorScheme, javaScriptEnabled });
        const take = (name: string) => page.screenshot({ path: join(into, `${name}-${how}.png`), fullPage: true });
        const show = (path: string) => open(page, path, javaScriptEnabled);
        const ada = somebody("Augusta Ada King");
        await show("/login?next=/security");
        await take("login");
        await signIn(page, { ...ada, password: "not that one" });
        await expect(complaint(page)).toBeVisible();
        await take("login-wrong");
        await show("/register");
        await page.keyboard.press("Tab");
        await field(page, "Name").focus();
        await take("register");
        await signUp(page, ada);
        await take("profile");
        await show("/security");
        await field(page, "Current password").fill("not that one");
        await field(page, "New password").fill("another loaf for the long way");
        await button(page, "Change password").click();
        await expect(complaint(page)).toBeVisible();
        await take("security-wrong");
        await comesBack(page, "/devices", "/api/confirm", { current: "not that one" });
        await take("devices");
        await show("/");
        await take("home-signed-in");
        await page.goto("/doctor");
        await take("doctor");
        if (!javaScriptEnabled) return;
        await examination(page).click();
        await page.waitForURL(/tries=/);
        await take("doctor-fine");
        await page.goto(brokenReport(page.url()));
        await take("doctor-broken");
      });
    }
  }
}
