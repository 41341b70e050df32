import { awake, expect, home, isMarked, mark, test } from "../fixtures";

const MISMATCH = "The data in the session does not match!";

test("the value of the session is confirmed, an edited one is refused, and no page is loaded", async ({
  page,
  trouble,
}) => {
  // The browser itself logs the 409 of the second response.
  trouble.expect(/\b409\b/);
  await page.goto("/");
  await awake(page);
  await mark(page);
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("Success!");
  await home.field(page).press("End");
  await home.field(page).pressSequentially("x");
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText(MISMATCH);
  expect(await isMarked(page)).toBe(true);
  await expect(home.notice(page)).toBeHidden();
});

test("the value stays the same over reloads", async ({ page }) => {
  await page.goto("/");
  const value = await home.field(page).inputValue();
  expect(value).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  await page.reload();
  await expect(home.field(page)).toHaveValue(value);
});

test("without JavaScript the form posts, the page answers, and the address shows no data", async ({ visitor }) => {
  const page = await visitor({ javaScriptEnabled: false });
  await page.goto("/");
  const value = await home.field(page).inputValue();
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("Success!");
  expect(page.url()).not.toContain(value);
  await home.field(page).fill("something else");
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText(MISMATCH);
  expect(page.url()).not.toContain("something");
  // The post was redirected, so that a reload does not repeat it.
  expect((await page.reload())?.request().method()).toBe("GET");
});
