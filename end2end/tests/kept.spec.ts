/**
 * Browsers with other settings than Playwright's: with the back/forward cache, and on plain http at a host name of a
 * network.
 */

import { test as base, expect, home, leaveAll, type Page } from "../fixtures";
import { launchOptions } from "../chromium";
import { head, open, register, signOut, somebody } from "../people";
import { Server } from "../server";

const HOST = "hardtack.example";

const test = base.extend<{}, { network: Server }>({
  // A host name that is not of this machine, so the page has no secure context and no locks.
  network: [
    async ({}, use) => {
      const server = await Server.start();
      await server.pause();
      await server.resume({ HARDTACK_SITE_URL: `http://${HOST}:${server.port}`, HARDTACK_SITE_INSECURE: "true" });
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  baseURL: async ({ network, browser }, use) => {
    await use(`http://${HOST}:${network.port}`);
    await leaveAll(browser);
  },
});

test.use({
  launchOptions: {
    ...launchOptions,
    args: [...launchOptions.args, `--host-resolver-rules=MAP ${HOST} 127.0.0.1`],
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  },
});

test.beforeEach(({ trouble }) => {
  trouble.expect(new RegExp(`^request elsewhere: http://${HOST}:`), /^console error: (The Cross-Origin-Opener-Policy|Clear-Site-Data) header/);
});

/** Waits until a page listens to its session. */
const listens = (page: Page) => page.waitForResponse((answer) => answer.url().endsWith("/api/events") && answer.ok());

test("without a secure context, and so without locks, open pages are told all the same", async ({ page, context }) => {
  const ada = somebody();
  await register(page, ada);
  expect(await page.evaluate(() => [isSecureContext, "locks" in navigator])).toEqual([false, false]);
  const other = await context.newPage();
  const heard = listens(other);
  await open(other, "/");
  await heard;
  await expect(head.name(other, ada)).toBeVisible();
  await signOut(page);
  await expect(page).toHaveURL("/");
  await expect(head.signIn(other)).toBeVisible();
  await expect(other.getByTestId("ending")).toContainText("Your session has ended.");
  await expect(home.greeting(other)).toBeHidden();
});

test("a page that the browser has kept answers once, and its clocks go on", async ({ page }) => {
  await open(page, "/");
  await page.evaluate(() => addEventListener("pageshow", ({ persisted }) => Object.assign(window, { persisted })));
  await open(page, "/login");
  // Not `goBack`, because it waits for a load event, which does not come.
  await page.evaluate(() => history.back());
  const persisted = () => page.evaluate(() => (window as unknown as { persisted?: boolean }).persisted).catch(() => undefined);
  await expect.poll(persisted).toBe(true);
  const clock = page.getByTestId("absolute-left");
  await expect(clock).not.toHaveText((await clock.textContent()) ?? "");
  const sent: string[] = [];
  page.on("request", (request) => sent.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("Success!");
  expect(sent.filter((line) => line.startsWith("POST"))).toEqual(["POST /api/session"]);
});

test("s24: the way back shows nothing of a visitor who has signed out", async ({ page }) => {
  const ada = somebody();
  await register(page, ada);
  await open(page, "/");
  await open(page, "/devices");
  await signOut(page);
  await page.evaluate(() => history.go(-2));
  await expect(page).toHaveURL("/login?next=/profile");
  await expect(head.name(page, ada)).toHaveCount(0);
});
