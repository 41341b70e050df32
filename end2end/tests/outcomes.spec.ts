/** Outcomes of forms, which are shown once, and double clicks, which act once. */

import { expect, home, type Page, test } from "../fixtures";
import { button, comesBack, complaint, field, fillIn, head, open, register, seesProfile, somebody } from "../people";

/** Clicks twice, as fast as a person does, without waiting. */
async function clickTwice(page: Page, name: string): Promise<void> {
  const box = await button(page, name).boundingBox();
  if (!box) throw new Error("the button is not visible");
  const click = () => page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await click();
  await new Promise((done) => setTimeout(done, 300));
  await click();
}

test("a button that is clicked twice before the next page comes posts once", async ({ visitor, trouble }) => {
  trouble.expect(/wasm|ERR_FAILED|could not be loaded/);
  const page = await visitor();
  // The WebAssembly does not load, so the form posts.
  await page.route("**/*.wasm", (route) => route.abort());
  await page.goto("/register");
  const ada = somebody();
  const posts: string[] = [];
  await page.route("**/api/register", async (route) => {
    posts.push(route.request().method());
    await new Promise((done) => setTimeout(done, 700));
    await route.continue();
  });
  await field(page, "Name").fill(ada.name);
  await fillIn(page, ada);
  await clickTwice(page, "Create account");
  await seesProfile(page, ada);
  expect(posts).toEqual(["POST"]);
});

test("a second click without script signs in to the account that the first one has made", async ({ visitor }) => {
  const page = await visitor({ javaScriptEnabled: false });
  await page.goto("/register");
  const ada = somebody();
  await field(page, "Name").fill(ada.name);
  await fillIn(page, ada);
  await page.route("**/api/register", async (route) => {
    const answer = await route.fetch({ maxRedirects: 0 });
    // The first response comes too late for the second click.
    await new Promise((done) => setTimeout(done, 600));
    await route.fulfill({ response: answer }).catch(() => undefined);
  });
  await clickTwice(page, "Create account");
  await seesProfile(page, ada);
});

test("an outcome is said once: not by a page that is loaded anew, and by no link", async ({ page }) => {
  await register(page, somebody());
  await comesBack(page, "/security", "/api/password", { current: "wrong", new: "another loaf for the long way" });
  await expect(complaint(page)).toHaveText("Wrong password.");
  await expect(page).toHaveURL("/security");
  await page.reload();
  await expect(complaint(page)).toHaveCount(0);
  await page.goto("/security?done=password");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.getByText("Your password has been changed.")).toHaveCount(0);
  await expect(page).toHaveURL("/security");
});

const noCookies = (page: Page) => page.getByText("Your browser does not send this site’s cookie back.");

test("a browser that keeps no cookies is told so, before and after it has signed in", async ({ page }) => {
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, "cookieEnabled", { get: () => false }));
  await page.goto("/");
  await expect(noCookies(page)).toBeVisible();
  await expect(page.getByRole("link", { name: "Find out why" })).toHaveAttribute("href", "/doctor");
});

test("cookies that do not come are told of after a sign-in", async ({ page }) => {
  const ada = somebody();
  // The cookies of the sign-in are removed.
  await page.route("**/profile", async (route) => {
    await page.context().clearCookies();
    await route.continue();
  });
  await open(page, "/register");
  await field(page, "Name").fill(ada.name);
  await fillIn(page, ada);
  await button(page, "Create account").click();
  await expect(noCookies(page)).toBeVisible();
  await expect(page).toHaveURL("/login?next=/profile");
  await expect(head.signIn(page)).toBeVisible();
});

test("in a browser that keeps cookies nothing is said of them", async ({ page }) => {
  await open(page, "/login");
  await expect(noCookies(page)).toBeHidden();
  await expect(home.notice(page)).toBeHidden();
});

test("a link that is opened in another tab is the browser's", async ({ page, context }) => {
  await register(page, somebody());
  await open(page, "/devices");
  const more = page.locator("a", { hasText: "More devices" });
  // As on the page of an account with more devices than one page lists.
  await more.evaluate((link: HTMLAnchorElement) => {
    link.href = "/devices?after=after-this";
    (link.parentElement as HTMLElement).hidden = false;
  });
  const opened = context.waitForEvent("page");
  await more.click({ modifiers: ["ControlOrMeta"] });
  await expect(await opened).toHaveURL(/devices\?after=after-this/);
});
