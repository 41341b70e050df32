/** Pictures of the pages of an account, to look at. */

import { join } from "node:path";
import { awake, expect, type Page, test } from "../fixtures";

const into = process.env.SHOTS ?? "";

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [320, 1280]) {
    for (const javaScriptEnabled of [true, false]) {
      const how = `${colorScheme}-${width}${javaScriptEnabled ? "" : "-plain"}`;

      test(`pages of an account, ${how}`, async ({ visitor, trouble }) => {
        test.skip(into.endsWith(".png"), "only the README's picture was asked for");
        trouble.expect(/\b401\b/, /\b400\b/);
        const page = await visitor({ viewport: { width, height: 800 }, colorScheme, javaScriptEnabled });
        const take = (name: string) => page.screenshot({ path: join(into, `${name}-${how}.png`), fullPage: true });
        const open = async (path: string) => {
          await page.goto(path);
          if (javaScriptEnabled) await awake(page);
        };
        await open("/login?next=/security");
        await take("login");
        await fill(page, { "E-mail address": "ada@example.com", Password: "not that one" });
        await page.getByRole("button", { name: "Sign in" }).click();
        await expect(page.getByText("do not go together")).toBeVisible();
        await take("login-wrong");
        await open("/register");
        await page.keyboard.press("Tab");
        await page.getByLabel("Name", { exact: true }).focus();
        await take("register");
        await fill(page, {
          Name: "Augusta Ada King",
          "E-mail address": `ada-${how}@example.com`,
          Password: "a biscuit that keeps for years",
        });
        await page.getByRole("button", { name: "Create account" }).click();
        await expect(page.getByTestId("username")).toBeVisible();
        await take("profile");
        await open("/security");
        await fill(page, { "Current password": "not that one", "New password": "another loaf for the long way" });
        await page.getByRole("button", { name: "Change password" }).click();
        await expect(page.getByRole("main").getByRole("alert").filter({ hasText: /./ })).toBeVisible();
        await take("security-wrong");
        await open("/devices?error=sign_in_again");
        await take("devices");
        await open("/");
        await take("home-signed-in");
      });
    }
  }
}

async function fill(page: Page, fields: Record<string, string>): Promise<void> {
  for (const [label, text] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(text);
}
