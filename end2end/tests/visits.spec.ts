import { awake, expect, home, test } from "../fixtures";

test("the first visit is greeted, every later one is counted, and a reload is a visit", async ({ page }) => {
  await page.goto("/");
  await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
  await page.goto("/");
  await expect(home.greeting(page)).toHaveText("You visited this page 2 times");
  await page.reload();
  await expect(home.greeting(page)).toHaveText("You visited this page 3 times");
});

test("two browsers have two sessions", async ({ page, visitor }) => {
  const other = await visitor();
  await page.goto("/");
  await page.reload();
  await expect(home.greeting(page)).toHaveText("You visited this page 2 times");
  await other.goto("/");
  await expect(home.greeting(other)).toHaveText("Welcome to this page for the first time!");
  expect(await home.field(other).inputValue()).not.toBe(await home.field(page).inputValue());
});

test("a server killed between two visits loses none", async ({ page, ownServer }) => {
  await page.goto(ownServer.url);
  await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
  // Leaves the page first, so that none of its files is still loading when the server is killed.
  await awake(page);
  await page.goto("about:blank");
  await ownServer.kill();
  await ownServer.resume();
  await page.goto(ownServer.url);
  await expect(home.greeting(page)).toHaveText("You visited this page 2 times");
});
