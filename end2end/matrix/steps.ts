/** Steps that must work for every pair of page and API. */

import type { Deployment } from "./deployment";
import { expect, home, open, type Page } from "./fixtures";

/** Checks that the value appears and is confirmed, and that an edited value is refused. */
export async function shakeHands(page: Page, deployment: Deployment): Promise<void> {
  await open(page, deployment);
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("Success!");
  await home.field(page).press("End");
  await home.field(page).pressSequentially("x");
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("The data in the session does not match!");
}

/** Checks that the value stays, and that each load of the page counts as a visit. */
export async function comeBack(page: Page, deployment: Deployment): Promise<void> {
  const value = await open(page, deployment);
  await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
  for (const visits of [2, 3]) {
    await page.reload();
    await expect(home.greeting(page)).toHaveText(`You visited this page ${visits} times`);
    await expect(home.field(page)).toHaveValue(value);
  }
}
