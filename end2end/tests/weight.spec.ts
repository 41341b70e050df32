import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures";
import { register, somebody } from "../people";

const budget = Number(readFileSync(join(__dirname, "../../tools/budget.env"), "utf8").match(/^PAGE=(\d+)$/m)?.[1]);

function brotli11(bytes: Buffer): number {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
}

/** Returns the size of a page's HTML and CSS together, after brotli 11. */
async function weigh(page: Page, path: string): Promise<number> {
  const html = await (await page.request.get(path)).body();
  const styles = [...html.toString().matchAll(/<link[^>]*href="([^"]+\.css)"/g)].map(([, href]) => href);
  expect(styles).not.toHaveLength(0);
  let weight = brotli11(html);
  for (const href of new Set(styles)) weight += brotli11(await (await page.request.get(href)).body());
  console.log(`${weight.toLocaleString("en")} of ${budget.toLocaleString("en")} bytes: the HTML and CSS of ${path}`);
  return weight;
}

test("the HTML and CSS of each page are within their budget", async ({ page }) => {
  for (const path of ["/", "/login", "/register", "/doctor", "/nothing-here"]) {
    expect.soft(await weigh(page, path), path).toBeLessThanOrEqual(budget);
  }
  await register(page, somebody());
  for (const path of ["/", "/profile", "/devices", "/security"]) {
    expect.soft(await weigh(page, path), path).toBeLessThanOrEqual(budget);
  }
});
