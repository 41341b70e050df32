import { awake, expect, home, test } from "../fixtures";

test("a stopped server shows a notice, what was typed stays, and after a restart Send succeeds", async ({
  page,
  ownServer,
  trouble,
}) => {
  trouble.expect(/ERR_CONNECTION_REFUSED/, /ERR_CONNECTION_RESET/, /ERR_EMPTY_RESPONSE/);
  await page.goto(ownServer.url);
  await awake(page);
  const value = await home.field(page).inputValue();
  await home.field(page).fill("");
  await home.field(page).pressSequentially(value);

  await ownServer.kill();
  await home.send(page).click();
  await expect(page.getByRole("alert")).toContainText("The server cannot be reached");
  await expect(home.field(page)).toHaveValue(value);
  await expect(home.answer(page)).toBeEmpty();

  await ownServer.resume();
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("Success!");
  await expect(home.notice(page)).toBeHidden();
});

test("a notice stays until it is dismissed", async ({ page, ownServer, trouble }) => {
  trouble.expect(/ERR_CONNECTION_REFUSED/, /ERR_CONNECTION_RESET/, /ERR_EMPTY_RESPONSE/);
  await page.goto(ownServer.url);
  await awake(page);
  await ownServer.kill();
  await home.send(page).click();
  await expect(home.notice(page)).toContainText("The server cannot be reached");
  await page.getByRole("button", { name: "Dismiss" }).click();
  await expect(home.notice(page)).toBeHidden();
});
