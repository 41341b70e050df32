/** Signing in on pages that are files, at a server on another origin. */

import { awake } from "../fixtures";
import { isNamed } from "../hardtack";
import { HARDTACK as API } from "./apis";
import { type Deployment, places } from "./deployment";
import { expect, type Page, test } from "./fixtures";
import { HARDTACK as PAGES } from "./front-ends";

const pair = { name: "Hardtack's pages and Hardtack", frontEnd: PAGES, api: API };
const ada = { name: "Ada", username: "ada@example.com", password: "a biscuit that keeps for years" };

test.skip(!isNamed, "RELEASE names no program");

async function fill(page: Page, fields: Record<string, string>): Promise<void> {
  for (const [label, text] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(text);
}

async function at(page: Page, { origin }: Deployment, path: string): Promise<void> {
  await page.waitForURL((url) => url.origin === origin && url.pathname.replace(/(.)\/$/, "$1") + url.search === path);
}

for (const [where, place] of Object.entries(places)) {
  test(`${where}: register, be known on all pages, sign out, and come back to where one wanted to go`, async ({
    page,
    context,
    deploy,
    trouble,
  }) => {
    trouble.expect(/\b401\b/);
    const deployment = await deploy(pair, place);
    const { origin } = deployment;
    await page.goto(`${origin}/register`);
    await awake(page);
    await fill(page, { Name: ada.name, "E-mail address": ada.username, Password: ada.password });
    await page.getByRole("button", { name: "Create account" }).click();
    await at(page, deployment, "/profile");
    await expect(page.getByTestId("username")).toHaveText(ada.username);
    const head = page.getByRole("banner");
    for (const path of ["/", "/security"]) {
      await page.goto(origin + path);
      await expect(head.getByRole("link", { name: ada.name, exact: true })).toBeVisible();
      await expect(head.getByRole("link", { name: "Sign in" })).toBeHidden();
    }
    await page.goto(`${origin}/devices`);
    const devices = page.getByTestId("devices").getByRole("listitem");
    await expect(devices).toHaveCount(1);
    await expect(devices).toContainText("(this one)");
    // Who is signed in is led on from where one signs in.
    await page.goto(`${origin}/login/?next=/security`);
    await at(page, deployment, "/security");
    await awake(page);
    await page.getByRole("button", { name: "Sign out" }).click();
    await at(page, deployment, "/");
    await expect(head.getByRole("link", { name: "Sign in" })).toBeVisible();

    await page.goto(`${origin}/security`);
    await page.waitForURL(/\/login\/\?next=\/security/);
    await awake(page);
    await fill(page, { "E-mail address": ada.username, Password: "not that one" });
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByRole("main").getByRole("alert").filter({ hasText: /./ })).toHaveCount(1);
    await fill(page, { Password: ada.password });
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(/\/security\/?$/);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Security.");
    expect((await context.cookies()).filter(({ name }) => name === pair.api.cookie)).toHaveLength(1);
  });
}

test("what is protected is not seen before the server has said who looks, and nobody is asked for nobody", async ({
  page,
  deploy,
  trouble,
}) => {
  trouble.expect(/\b401\b/);
  const { origin } = await deploy(pair, places.hosts);
  let asked = 0;
  let answer = () => {};
  const told = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/api/profile", async (route) => {
    asked += 1;
    await told;
    await route.continue();
  });
  for (const path of ["/", "/login", "/register"]) {
    await page.goto(origin + path);
    await awake(page);
    await expect(page.getByRole("banner").getByRole("link", { name: "Sign in" })).toBeVisible();
  }
  expect(asked, "who has never signed in here is asked for by no page").toBe(0);
  await page.goto(`${origin}/security`);
  await expect.poll(() => asked).toBe(1);
  await expect(page.getByText("Current password")).toBeHidden();
  answer();
  await page.waitForURL(/\/login\/\?next=\/security/);
  await expect(page.getByText("Current password")).toHaveCount(0);
});
