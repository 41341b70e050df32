/** Sign-in with a real OpenID provider on another site. */

import { expectAccessible } from "../axe";
import { expect, home, leaveAll, type Page, test as base } from "../fixtures";
import { button, complaint, head, open, register, signOut, somebody } from "../people";
import { Provider, settings, there } from "../provider";
import { Server } from "../server";

const test = base.extend<{ site: Server }>({
  site: async ({ browser }, use) => {
    // Each must know the other's URL.
    const first = await Server.start();
    const provider = await Provider.start(first.url);
    await first.pause();
    await first.resume(settings(provider.url));
    await use(first);
    await leaveAll(browser);
    await first.stop();
    await provider.stop();
  },
  baseURL: async ({ site }, use) => use(site.url),
});

const go = (page: Page) => button(page, "Continue with Example").click();

let people = 0;
function login(): string {
  people += 1;
  return `ada${people}`;
}

test.beforeEach(({ trouble }) => {
  trouble.expect(/^request elsewhere: http:\/\/127\.0\.0\.1:/);
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with" : "without";
  test(`sign in there, be known here, sign out and in again, ${how} JavaScript; the visits go on`, async ({
    visitor,
  }) => {
    const ada = login();
    const page = await visitor({ javaScriptEnabled });
    await page.goto("/");
    await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
    await open(page, "/login", javaScriptEnabled);
    await go(page);
    await there.signIn(page, ada);
    await expect(page).toHaveURL("/profile");
    await expect(page.getByTestId("username")).toHaveText(`${ada}@example.com`);
    await expect(page.getByTestId("name")).toHaveText(`${ada} of the provider`);
    await expect(page.getByText("None: you sign in with another service."), "no password").toBeVisible();
    await expect(page.getByText("as a hash")).toHaveCount(0);
    await page.goto("/");
    await expect(home.greeting(page)).toHaveText("You visited this page 2 times");
    await open(page, "/", javaScriptEnabled);
    await signOut(page);
    // The person is still signed in at the provider, so it redirects back at once, also to the requested page.
    await open(page, "/security", javaScriptEnabled);
    await expect(page).toHaveURL("/login?next=/security");
    await go(page);
    await expect(page).toHaveURL("/security");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Security");
  });
}

test("who gives up there is told so here, and nobody is signed in", async ({ page }) => {
  await open(page, "/login?next=/devices");
  await go(page);
  await there.cancel(page);
  await expect(page).toHaveURL("/login");
  await expect(complaint(page)).toHaveText(
    "You did not sign in there. Try again, or sign in another way.",
  );
  await expect(head.signIn(page)).toBeVisible();
});

test("an account is connected, signs in either way, and is disconnected", async ({ page, visitor }) => {
  const ada = somebody();
  await register(page, ada);
  await open(page, "/security");
  await button(page, "Connect").click();
  await there.signIn(page, login());
  await expect(page).toHaveURL("/security");
  await expect(button(page, "Disconnect")).toBeVisible();

  const other = await visitor();
  await open(other, "/login");
  await go(other);
  await there.signIn(other, `ada${people}`);
  await expect(other.getByTestId("username")).toHaveText(ada.username);

  await open(page, "/security");
  await button(page, "Disconnect").click();
  await expect(button(page, "Connect")).toBeVisible();
});

test("an address that is taken here by a password is opened by no provider", async ({ page, visitor }) => {
  const grace = { ...somebody("Grace"), username: `${login()}@example.com` };
  await register(await visitor(), grace);
  await open(page, "/login");
  await go(page);
  await there.signIn(page, `ada${people}`);
  await expect(page).toHaveURL("/login");
  await expect(complaint(page)).toContainText("Sign in to it, then connect");
});

test("what leads back is good once, and in no other browser", async ({ page, visitor, trouble }) => {
  trouble.expect(/\b400\b/);
  await open(page, "/login");
  await go(page);
  await expect(page.getByLabel("Who")).toBeVisible();
  // Follows the redirects up to the callback, and does not request it.
  const { request } = page.context();
  const signedIn = await request.post(page.url(), { form: { login: login() }, maxRedirects: 0 });
  const led = await request.get(signedIn.headers()["location"] ?? "", { maxRedirects: 0 });
  const back = led.headers()["location"] ?? "";
  expect(back).toContain("/sign-in/example/callback?code=");

  const thief = await visitor();
  expect((await thief.goto(back))?.status()).toBe(400);
  await expect(thief.getByText("started in another browser")).toBeVisible();
  await page.goto(back);
  await expect(page).toHaveURL("/profile");
  expect((await page.goto(back))?.status()).toBe(400);
  await page.goto("/profile");
  await expect(page).toHaveURL("/profile");
});

test("signing out here and there asks for a name at the next sign-in", async ({ page }) => {
  const ada = login();
  await open(page, "/login");
  await go(page);
  await there.signIn(page, ada);
  await open(page, "/security");
  await button(page, "Sign out here and at the service").click();
  await page.getByRole("button", { name: /sign me out/i }).click();
  await expect(page).toHaveURL("/");
  await expect(head.signIn(page)).toBeVisible();
  await open(page, "/login");
  await go(page);
  await expect(page.getByLabel("Who")).toBeVisible();
});

test("pages with providers are clean to axe", async ({ page }) => {
  for (const path of ["/login", "/register", "/security"]) {
    if (path === "/security") await register(page, somebody());
    await open(page, path);
    await expectAccessible(page);
  }
});
