/**
 * Open pages and the end of their session when a clock changes, the network is down, or other pages send messages.
 */

import { expect, home, type Page, test } from "../fixtures";
import { head, open, register, somebody } from "../people";

const HOUR = 3_600_000;

/** Changes the wall clock of the page. The monotonic clock is unchanged. */
const setClock = (page: Page, by: number) =>
  page.evaluate((by) => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + by;
  }, by);

/** Resolves when a page has its responses and has sent all calls that it wants to send. */
const settled = (page: Page) => page.evaluate(async () => void (await (await fetch("/healthz")).text()));

const told = (seconds: number, soon = true, stays = true) => ({
  contentType: "text/event-stream",
  body: `event: expiring\ndata: ${JSON.stringify({ seconds, soon, stays })}\n\n`,
});

/** Returns the visible text about the end of the session. */
const said = (page: Page) => page.getByTestId("ending").innerText();

test("a click and a clock that is set back three hours keep nothing on a page whose session has ended", async ({ page, context, trouble }) => {
  trouble.expect(/\b401\b/);
  const ada = somebody();
  await register(page, ada);
  await open(page, "/");
  await expect(head.name(page, ada)).toBeVisible();
  await page.getByRole("heading", { level: 1 }).click();
  await setClock(page, -3 * HOUR);
  await context.request.post("/api/logout", { data: {} });
  await expect(head.signIn(page)).toBeVisible({ timeout: 10_000 });
  await expect(home.greeting(page)).toBeHidden();
});

for (const path of ["/profile", "/"]) {
  test(`offline past its deadline ${path} shows nothing of its session, and all of it when the server says that it lives`, async ({
    page,
    trouble,
  }) => {
    trouble.expect(/ERR_INTERNET_DISCONNECTED|ERR_FAILED/);
    const ada = somebody();
    await register(page, ada);
    await page.route("**/api/events", (route) => route.fulfill(told(4)));
    await open(page, path);
    await expect.poll(() => said(page)).toContain("Your session ends in 0:0");
    await page.unroute("**/api/events");
    await page.route("**/api/events", (route) => route.abort());
    await expect.poll(() => said(page), { timeout: 15_000 }).toContain("Your session may have expired");
    await expect(page.getByText(ada.name, { exact: true }).filter({ visible: true })).toHaveCount(0);
    await expect(page.getByRole("button", { name: "Stay signed in" })).toBeHidden();
    if (path === "/") await expect(home.field(page)).toBeHidden();
    else await expect(page.getByTestId("username")).toBeHidden();
    await page.unroute("**/api/events");
    await expect(head.name(page, ada)).toBeVisible({ timeout: 20_000 });
    await expect.poll(() => said(page)).not.toContain("Your session may have expired");
  });
}

test("the deadline of the render counts where no stream ever opened", async ({ page, trouble }) => {
  trouble.expect(/ERR_FAILED/);
  await register(page, somebody());
  await page.route("**/api/events", (route) => route.abort());
  await page.clock.install();
  await open(page, "/profile");
  await expect(page.getByTestId("username")).toBeVisible();
  await page.clock.fastForward(29 * 60_000);
  await expect(page.getByTestId("username")).toBeVisible();
  await page.clock.fastForward(2 * 60_000);
  await page.clock.runFor(30_000);
  await expect.poll(() => said(page)).toContain("Your session may have expired");
  await expect(page.getByTestId("username")).toBeHidden();
});

test("a clock that is set forward makes the page ask, and hides nothing", async ({ page }) => {
  const ada = somebody();
  await register(page, ada);
  await open(page, "/");
  const asked = page.waitForResponse((answer) => answer.url().endsWith("/api/events") && answer.ok());
  await setClock(page, 3 * HOUR);
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await asked;
  await page.waitForTimeout(6000);
  await expect(head.name(page, ada)).toBeVisible();
  await expect(home.field(page)).toBeVisible();
});

for (const how of ["offline", "503"]) {
  test(`a session that could not be kept (${how}) says so, and is kept by the next click`, async ({ page, trouble }) => {
    trouble.expect(/\b503\b|ERR_FAILED/);
    await register(page, somebody());
    await page.route("**/api/events", (route) => route.fulfill(told(97)));
    await open(page, "/profile");
    const stay = page.getByRole("button", { name: "Stay signed in" });
    await expect(stay).toBeVisible();
    await page.route("**/api/profile", (route) => (how === "503" ? route.fulfill({ status: 503 }) : route.abort()));
    await stay.click();
    await expect.poll(() => said(page)).toContain("Your session was not extended: the server did not respond.");
    await page.unroute("**/api/profile");
    await page.unroute("**/api/events");
    await stay.click();
    await expect(stay).toBeHidden();
    await expect.poll(() => said(page)).not.toContain("Your session was not extended");
  });
}

test("what another page of the origin says makes tabs ask the server, and no more", async ({ page, context }) => {
  const ada = somebody();
  await register(page, ada);
  await open(page, "/");
  await page.evaluate(() => Object.assign(window, { stays: true }));
  const other = await context.newPage();
  await other.goto("/doctor");
  for (const message of [{ event: "ended" }, { event: "expiring", at: Date.now() + 60_000, stays: true }, { event: "another" }, null, "x", {}]) {
    const asks = message && typeof message === "object" && "event" in message;
    const asked = asks && page.waitForResponse((answer) => answer.url().endsWith("/api/events"));
    await other.evaluate((message) => new BroadcastChannel(`hardtack ${location.origin}`).postMessage(message), message);
    await asked;
  }
  expect(await said(page)).toBe("");
  await expect(head.name(page, ada)).toBeVisible();
  await expect(home.field(page)).toBeVisible();
  expect(await page.evaluate(() => "stays" in window), "the page was not reloaded").toBe(true);
});

test("a full server is asked again no earlier than it wants", async ({ page, trouble }) => {
  trouble.expect(/\b503\b/);
  await register(page, somebody());
  let asked = 0;
  await page.route("**/api/events", (route) => {
    asked += 1;
    return route.fulfill({ status: 503, headers: { "retry-after": "30" } });
  });
  await page.clock.install();
  await open(page, "/profile");
  await expect.poll(() => asked).toBe(1);
  await settled(page);
  await page.clock.runFor(28_000);
  await settled(page);
  expect(asked).toBe(1);
  for (let more = 0; more < 5 && asked === 1; more += 1) {
    await page.clock.runFor(4000);
    await settled(page);
  }
  expect(asked).toBe(2);
});

test("a server that is away is asked in growing pauses, and the attempts leave nothing behind", async ({ page, trouble }) => {
  trouble.expect(/Failed to load resource|api\/events/);
  await page.addInitScript(() => {
    Math.random = () => 0.5;
    // The listeners that stand on signals at this moment.
    const signals = { listeners: 0 };
    const { addEventListener, removeEventListener } = AbortSignal.prototype;
    AbortSignal.prototype.addEventListener = function (...given: Parameters<typeof addEventListener>) {
      signals.listeners += 1;
      return addEventListener.apply(this, given);
    };
    AbortSignal.prototype.removeEventListener = function (...given: Parameters<typeof removeEventListener>) {
      signals.listeners -= 1;
      return removeEventListener.apply(this, given);
    };
    Object.assign(window, { signals });
  });
  await register(page, somebody());
  const asked: number[] = [];
  let seconds = 0;
  await page.route("**/api/events", (route) => {
    asked.push(seconds);
    return route.abort();
  });
  await page.clock.install();
  await open(page, "/profile");
  await expect.poll(() => asked.length).toBe(1);
  const listeners: number[] = [];
  for (; seconds < 150; seconds += 1) {
    await page.clock.runFor(1000);
    await settled(page);
    listeners.push(await page.evaluate(() => (window as unknown as { signals: { listeners: number } }).signals.listeners));
  }
  const pauses = asked.slice(1).map((moment, n) => moment - asked[n]);
  // 0.75 of 2, 4, 8, 16, 32 s, and of a minute from then on; told in whole seconds.
  expect(pauses.length, `pauses of ${pauses} s`).toBeGreaterThanOrEqual(6);
  for (const [n, pause] of pauses.entries()) {
    expect(Math.abs(pause - 0.75 * Math.min(60, 2 ** (n + 1))), `pauses of ${pauses} s`).toBeLessThanOrEqual(1);
  }
  expect(Math.max(...listeners.slice(50)), "as many after many attempts").toBeLessThanOrEqual(Math.max(...listeners.slice(0, 50)));
});

test("after a sleep the deadlines show the time that has passed, and not the ticks", async ({ page }) => {
  await page.clock.install();
  await open(page, "/");
  const idle = page.getByTestId("idle-left");
  await expect(idle).toHaveText(/^(30:00|29:\d\d)$/);
  // Each timer runs once at most, as after a sleep.
  await page.clock.fastForward(10 * 60_000);
  await page.clock.runFor(1000);
  await expect(idle).toHaveText(/^(20:00|19:\d\d)$/);
});

test("the count-down begins when the page was rendered, and not when its program comes", async ({ page }) => {
  let release = () => {};
  const late = new Promise<void>((done) => (release = done));
  await page.route("**/*.wasm", async (route) => {
    await late;
    await route.continue();
  });
  await page.goto("/", { waitUntil: "commit" });
  const idle = page.getByTestId("idle-left");
  await expect(idle).toHaveText("30:00");
  await page.waitForTimeout(4000);
  release();
  await expect(idle).toHaveText(/29:5[0-6]/);
});
