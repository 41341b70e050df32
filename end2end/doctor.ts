/** The doctor's page, in the words of its tests. */

import { expect, type Page } from "./fixtures";

/** The button that begins it. */
export const examination = (page: Page) => page.getByRole("button", { name: "Examine this browser" });

/** A hop of the trip, as the report has it. */
export const hop = (page: Page, name: string) => page.locator(".hops li").filter({ hasText: name });

/** Examines the browser on the server's own page, and waits for the report. */
export async function examine(page: Page): Promise<void> {
  await page.goto("/doctor");
  await examination(page).click();
  await expect(page.getByRole("heading", { name: "For a report" })).toBeVisible();
}

/** The address of a report as it would be where the cookie did not come back to a page of another site. */
export function brokenReport(report: string): string {
  const url = new URL(report);
  const tries = JSON.parse(url.searchParams.get("tries") ?? "");
  tries.page = "http://127.0.0.1:5173/";
  tries.credentialed.answered.test_cookie = false;
  url.searchParams.set("tries", JSON.stringify(tries));
  return url.href;
}
