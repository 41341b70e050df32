import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { expect, test } from "../fixtures";

const budget = Number(readFileSync(join(__dirname, "../../tools/budget.env"), "utf8").match(/^PAGE=(\d+)$/m)?.[1]);

function brotli11(bytes: Buffer): number {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
}

for (const path of ["/", "/login", "/register"]) {
  test(`the HTML and CSS of ${path} are within their budget`, async ({ page }) => {
    const html = await (await page.request.get(path)).body();
    const styles = [...html.toString().matchAll(/<link[^>]*href="([^"]+\.css)"/g)].map(([, href]) => href);
    expect(styles).not.toHaveLength(0);
    let weight = brotli11(html);
    for (const href of new Set(styles)) weight += brotli11(await (await page.request.get(href)).body());
    console.log(`${weight.toLocaleString("en")} of ${budget.toLocaleString("en")} bytes: the HTML and CSS of ${path}`);
    expect(weight).toBeLessThanOrEqual(budget);
  });
}
