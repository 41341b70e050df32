/** Live events on exported pages, from a server on another origin. */

import { awake } from "../fixtures";
import { isNamed } from "../hardtack";
import { button, field, head, somebody } from "../people";
import { HARDTACK as API } from "./apis";
import { places } from "./deployment";
import { expect, test } from "./fixtures";
import { HARDTACK as PAGES } from "./front-ends";

const pair = { name: "Hardtack's pages and Hardtack", frontEnd: PAGES, api: API };

test.skip(!isNamed, "RELEASE is not set");

for (const [where, place] of Object.entries(places)) {
  test(`${where}: the stream comes from the server with the cookie, and a sign-out empties the other tab`, async ({
    page,
    context,
    deploy,
  }) => {
    const { origin, api } = await deploy(pair, place);
    const ada = somebody();
    const opened = context.waitForEvent("response", (answer) => new URL(answer.url()).pathname === "/api/events");
    await page.goto(`${origin}/register`);
    await awake(page);
    await field(page, "Name").fill(ada.name);
    await field(page, "E-mail address").fill(ada.username);
    await field(page, "Password").fill(ada.password);
    await button(page, "Create account").click();
    await expect(page.getByTestId("username")).toHaveText(ada.username);
    const stream = await opened;
    expect(new URL(stream.url()).origin).toBe(api.url);
    expect(stream.status()).toBe(200);
    expect(await stream.headerValue("access-control-allow-origin")).toBe(origin);

    const other = await context.newPage();
    await other.goto(origin);
    await awake(other);
    await expect(head.name(other, ada)).toBeVisible();
    await head.signOut(page).click();
    await expect(head.signIn(page)).toBeVisible();
    await expect(head.signIn(other)).toBeVisible();
    await expect.poll(() => other.getByTestId("ending").innerText()).toContain("Your session has ended.");
    await expect(other.getByTestId("visits")).toBeHidden();
    const known = await other.evaluate(() => document.cookie.includes(`account${location.port}=`));
    expect(known, "no page requests the profile of a signed-out visitor").toBe(false);
  });
}
