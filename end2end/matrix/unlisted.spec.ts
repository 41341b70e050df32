/** The same pages on an origin that the API does not list. */

import { type Deployment, places } from "./deployment";
import { expect, home, open, type Page, test } from "./fixtures";
import { pairs } from "./pairs";

// A page that can tell the difference says that the server is reachable but refuses it.
const UNREACHED = /The server cannot be reached|The server responds, but this page may not use it/;
const REFUSED = [/CORS policy/, /ERR_FAILED/, /\b403\b/];

async function openUnlisted(page: Page, deployment: Deployment): Promise<void> {
  await page.goto(deployment.originAt("other.example.com"));
  await deployment.pair.frontEnd.awake(page);
  await expect(home.notice(page)).toContainText(UNREACHED);
  await expect(home.field(page)).toHaveValue("");
  await expect(home.greeting(page)).toBeHidden();
  const refused = page.waitForEvent("requestfailed", (request) => {
    return request.method() === "POST" && request.url() === `${deployment.api.url}/api/session`;
  });
  await home.send(page).click();
  await refused;
  await expect(home.notice(page)).toContainText(UNREACHED);
  await expect(home.answer(page)).toBeEmpty();
}

for (const pair of pairs) {
  for (const [where, place] of [
    ["the API's site", places.hosts],
    ["another site", places.sites],
  ] as const) {
    test.describe(`${pair.name}, an unlisted origin of ${where}`, () => {
      test("shows no value and begins no session", async ({ page, context, deploy, trouble }) => {
        trouble.expect(...REFUSED);
        const deployment = await deploy(pair, place);
        await openUnlisted(page, deployment);
        expect(await deployment.api.sessions()).toBe(0);
        expect(await context.cookies()).toEqual([]);
      });

      test("cannot use the session that a listed one has", async ({ page, deploy, trouble }) => {
        trouble.expect(...REFUSED);
        const deployment = await deploy(pair, place);
        const value = await open(page, deployment);
        await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
        await openUnlisted(page, deployment);
        expect(await open(page, deployment)).toBe(value);
        // No request of the unlisted page has counted.
        await expect(home.greeting(page)).toHaveText("You visited this page 2 times");
        expect(await deployment.api.sessions()).toBe(1);
      });
    });
  }
}
