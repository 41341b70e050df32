/** Page objects of the doctor's page. */

import { expect, type Page } from "./fixtures";

/** The button that starts the test of the browser. */
export const examination = (page: Page) => page.getByRole("button", { name: "Examine this browser" });

/** A step of the flow diagram in the report. */
export const hop = (page: Page, name: string) => page.locator(".hops li").filter({ hasText: name });

/** Tests the browser on the server's own page, and waits for the report. */
export async function examine(page: Page): Promise<void> {
  await page.goto("/doctor");
  await examination(page).click();
  await expect(page.getByRole("heading", { name: "Text report" })).toBeVisible();
}

/** Returns the URL of a report in which the cookie did not come back to a page of another site. */
export function brokenReport(report: string): string {
  const url = new URL(report);
  const tries = JSON.parse(url.searchParams.get("tries") ?? "");
  tries.page = "http://127.0.0.1:5173/";
  tries.credentialed.answered.test_cookie = false;
  url.searchParams.set("tries", JSON.stringify(tries));
  return url.href;
}
