/**
 * Exported pages with a server on another origin: the account is known on all pages, and its pages are for signed-in
 * visitors only.
 */

import { isNamed } from "../hardtack";
import { complaint, field, head, signIn, signOut, signUp, somebody } from "../people";
import { HARDTACK as API } from "./apis";
import { type Deployment, places } from "./deployment";
import { expect, type Page, test, visit } from "./fixtures";
import { HARDTACK as PAGES } from "./front-ends";

const pair = { name: "Hardtack's pages and Hardtack", frontEnd: PAGES, api: API };

test.skip(!isNamed, "RELEASE is not set");

/** Opens a page that redirects to another by itself, maybe before it is loaded. */
async function isLed(page: Page, { origin }: Deployment, from: string, to: string): Promise<void> {
  await page.goto(origin + from, { waitUntil: "commit" });
  await isAt(page, origin, to);
  await pair.frontEnd.awake(page);
}

/** Waits until the page has this path. Web servers add slashes, because a page is a folder. */
async function isAt(page: Page, origin: string, path: string): Promise<void> {
  await page.waitForURL((url) => url.href.replace(/\/(?=\?|$)/g, "") === origin + (path === "/" ? "" : path));
}

for (const [where, place] of Object.entries(places)) {
  test(`${where}: who has registered is known on all pages, and comes back to where one wanted to go`, async ({
    page,
    context,
    deploy,
    trouble,
  }) => {
    trouble.expect(/\b401\b/);
    const deployment = await deploy(pair, place);
    const { origin } = deployment;
    const ada = somebody();
    await visit(page, deployment, "/register");
    await signUp(page, ada);
    await isAt(page, origin, "/profile");
    for (const path of ["/", "/security"]) {
      await visit(page, deployment, path);
      await expect(head.name(page, ada)).toBeVisible();
      await expect(head.signIn(page)).toBeHidden();
    }
    await visit(page, deployment, "/devices");
    const devices = page.getByTestId("devices").getByRole("listitem");
    await expect(devices).toHaveCount(1);
    await expect(devices).toContainText("(this one)");
    // A signed-in visitor is redirected away from the sign-in page.
    await isLed(page, deployment, "/login/?next=/security", "/security");
    await signOut(page);
    await isAt(page, origin, "/");

    await isLed(page, deployment, "/security", "/login?next=/security");
    await signIn(page, { ...ada, password: "not that one" });
    await expect(complaint(page)).toHaveCount(1);
    await signIn(page, ada);
    await isAt(page, origin, "/security");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Security");
    expect((await context.cookies()).filter(({ name }) => name === pair.api.cookie)).toHaveLength(1);
  });
}

test("what is protected is not seen before the server has said who looks, and nobody is asked for nobody", async ({
  page,
  deploy,
  trouble,
}) => {
  trouble.expect(/\b401\b/);
  const deployment = await deploy(pair, places.hosts);
  let asked = 0;
  let answer = () => {};
  const told = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/api/profile", async (route) => {
    asked += 1;
    await told;
    await route.continue();
  });
  for (const path of ["/", "/login", "/register"]) {
    await visit(page, deployment, path);
    await expect(head.signIn(page)).toBeVisible();
  }
  expect(asked, "no page requests the profile before a sign-in").toBe(0);
  await visit(page, deployment, "/security");
  await expect.poll(() => asked).toBe(1);
  await expect(field(page, "Current password")).toBeHidden();
  answer();
  await isAt(page, deployment.origin, "/login?next=/security");
  await expect(field(page, "Current password")).toHaveCount(0);
});

test("a guarded page whose first question is put off is shown when the server has time, and offers a way on when it has not", async ({
  page,
  deploy,
  trouble,
}) => {
  trouble.expect(/\b50[03]\b/);
  const deployment = await deploy(pair, places.hosts);
  const ada = somebody();
  await visit(page, deployment, "/register");
  await signUp(page, ada);
  let refusals = 1;
  const headers = {
    "retry-after": "1",
    "access-control-allow-origin": deployment.origin,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "retry-after",
  };
  await page.route("**/api/profile", (route) => (refusals-- > 0 ? route.fulfill({ status: 503, headers }) : route.continue()));
  await page.goto(`${deployment.origin}/profile/`);
  await expect(page.getByTestId("username")).toHaveText(ada.username);
  refusals = 100;
  await page.goto(`${deployment.origin}/profile/`);
  const again = page.getByRole("link", { name: "Try again" });
  await expect(again).toBeVisible({ timeout: 15_000 });
  await expect(page.getByTestId("username")).toBeHidden();
  refusals = 0;
  await again.click();
  await expect(page.getByTestId("username")).toHaveText(ada.username);
});

test("signing out another device makes a page forget nobody, and its own cookies are named after its port", async ({
  page,
  context,
  visitor,
  deploy,
  trouble,
}) => {
  trouble.expect(/\b401\b/);
  const deployment = await deploy(pair, places.ports);
  const ada = somebody();
  await visit(page, deployment, "/register");
  await signUp(page, ada);
  const port = new URL(deployment.origin).port;
  const known = async () => (await context.cookies(deployment.origin)).find(({ name }) => name === `account${port}`)?.value;
  await expect.poll(known).toBe("known");
  const other = await visitor();
  await visit(other, deployment, "/login");
  await signIn(other, ada);
  await isAt(other, deployment.origin, "/profile");
  await visit(page, deployment, "/devices");
  const devices = page.getByTestId("devices").getByRole("listitem");
  await expect(devices).toHaveCount(2);
  await devices.filter({ hasNotText: "(this one)" }).getByRole("button").click();
  await expect(devices).toHaveCount(1);
  expect(await known()).toBe("known");
});
