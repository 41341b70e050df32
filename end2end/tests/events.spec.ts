import { setTimeout as pause } from "node:timers/promises";
import type { BrowserContext } from "@playwright/test";
import { expect, home, type Page, test } from "../fixtures";
import { button, fillIn, head, open, type Person, register, signOut, somebody } from "../people";

/** Signs in on another device. */
async function signIn(page: Page, person: Person): Promise<void> {
  await open(page, "/login");
  await fillIn(page, person);
  await button(page, "Sign in").click();
  await expect(page).toHaveURL("/profile");
}

/** Signs in on another device, and from there signs out everywhere else. */
async function endOthers(phone: Page, person: Person): Promise<void> {
  await signIn(phone, person);
  await open(phone, "/devices");
  await button(phone, "Sign out everywhere else").click();
  await expect(phone.getByTestId("devices").getByRole("listitem")).toHaveCount(1);
}

/** Returns the number of tabs that listen to the session, and of those that wait for the lock. */
const listeners = (page: Page) =>
  page.evaluate(async () => {
    const { held, pending } = await navigator.locks.query();
    return { listen: held?.length, wait: pending?.length };
  });

const listening = (page: Page, listen: number, wait: number) =>
  // The page may reload just then.
  expect(async () => expect(await listeners(page)).toEqual({ listen, wait })).toPass({ timeout: 10_000 });

/** Records the event streams that a browser requests. */
function streams(context: BrowserContext): string[] {
  const asked: string[] = [];
  context.on("request", (request) => {
    if (request.url().endsWith("/api/events")) asked.push(request.url());
  });
  return asked;
}

async function look(page: Page, state: "visible" | "hidden"): Promise<void> {
  const turn = () =>
    page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
  // A message of another tab may reload the page just then.
  await expect(turn).toPass();
}

/** Waits for a visible text about the end of the session. */
async function said(page: Page, words: string | RegExp): Promise<void> {
  const text = () => page.getByTestId("ending").innerText();
  if (words === "") await expect.poll(text).toBe("");
  else await expect.poll(text).toMatch(words);
}

test("signed out from another device, ten tabs on one connection are empty at once", async ({ page: desk, visitor }) => {
  test.setTimeout(120_000);
  const ada = somebody();
  await register(desk, ada);
  const phone = await visitor();
  const asked = streams(phone.context());
  await signIn(phone, ada);
  await listening(phone, 1, 0);
  await expect.poll(() => asked.length).toBe(1);
  asked.length = 0;
  const tabs = [phone];
  for (const path of ["/devices", "/security", "/profile", "/", "/devices", "/security", "/profile", "/", "/"]) {
    const tab = await phone.context().newPage();
    await open(tab, path);
    await expect(head.name(tab, ada)).toBeVisible();
    tabs.push(tab);
  }
  await listening(phone, 1, 9);
  expect(asked, "nine more tabs, and no more streams").toHaveLength(0);

  // The last one is a public page, which stays open and can be checked afterwards.
  const last = tabs[9];
  await last.evaluate(() => {
    const empty = () => document.querySelector("[data-session=own][hidden]") && Object.assign(window, { empty: Date.now() });
    new MutationObserver(empty).observe(document.body, { subtree: true, attributes: true });
  });
  await open(desk, "/devices");
  const done = desk.waitForResponse((answer) => answer.url().includes("/api/devices/end-others"));
  await button(desk, "Sign out everywhere else").click();
  await done;
  const begun = Date.now();
  await Promise.all(tabs.map((tab) => expect(head.signIn(tab)).toBeVisible()));
  const took = (await last.evaluate(() => (window as unknown as { empty: number }).empty)) - begun;
  console.log(`the tenth tab was empty ${took} ms after the other device had its response`);
  expect(took, "an event has told it, not a poll").toBeLessThan(5000);
  for (const tab of tabs) {
    await expect(head.name(tab, ada)).toHaveCount(0);
    if (new URL(tab.url()).pathname === "/login") continue;
    await said(tab, "Your session has ended.");
    await expect(home.greeting(tab)).toBeHidden();
    await expect(home.field(tab)).toBeHidden();
    await expect(tab.getByRole("heading", { level: 1 })).toBeVisible();
  }
  expect(tabs.filter((tab) => new URL(tab.url()).pathname === "/login")).toHaveLength(7);
  await expect(tabs[1]).toHaveURL("/login?next=/devices");
  await expect(head.name(desk, ada)).toBeVisible();
  await listening(phone, 0, 0);
});

test("signing in and out in one tab is seen in the others", async ({ page, context }) => {
  const ada = somebody();
  const other = await context.newPage();
  await open(other, "/");
  await expect(head.signIn(other)).toBeVisible();
  await register(page, ada);
  await expect(head.name(other, ada)).toBeVisible();
  // The tab listens, or waits for the lock, since its browser was idle.
  await listening(page, 1, 1);
  await signOut(page);
  await expect(page).toHaveURL("/");
  await expect(head.signIn(other)).toBeVisible();
  await said(other, "Your session has ended.");
  // The tab that signed out knows it and shows no message.
  await said(page, "");
});

for (const tells of [true, false]) {
  const where = tells ? "" : ", in a browser that tells nothing of navigations";
  test(`who signs out goes where that leads, though the page takes its time to come${where}`, async ({ page }) => {
    // As browsers before Firefox 147 and Safari 26.2.
    if (!tells) await page.addInitScript(() => Object.defineProperty(window, "navigation", { value: undefined }));
    await register(page, somebody());
    await open(page, "/profile");
    await listening(page, 1, 0);
    const told = page.waitForResponse((answer) => answer.url().endsWith("/api/events") && answer.status() === 204);
    let held = false;
    await page.route("/", async (route) => {
      // The guarded page knows that its session is over, and would reload itself after a while.
      await told;
      await pause(3000);
      held = true;
      await route.continue();
    });
    await head.signOut(page).click();
    await expect(page).toHaveURL("/");
    expect(held).toBe(true);
  });
}

test("hidden tabs listen to nothing, and find out when they are looked at", async ({ page, visitor }) => {
  const ada = somebody();
  await register(page, ada);
  await listening(page, 1, 0);
  await look(page, "hidden");
  await listening(page, 0, 0);
  await endOthers(await visitor(), ada);
  await expect(head.name(page, ada)).toBeVisible();
  await look(page, "visible");
  await expect(page).toHaveURL("/login?next=/profile");
});

test("a tab that nobody looked at shows nobody whose browser is another one's by now", async ({ page, context, visitor }) => {
  const [ada, bob] = [somebody("Ada"), somebody("Bob")];
  await register(await visitor(), bob);
  await register(page, ada);
  await open(page, "/");
  await look(page, "hidden");
  await listening(page, 0, 0);
  await endOthers(await visitor(), ada);
  const other = await context.newPage();
  await signIn(other, bob);
  await look(other, "hidden");
  await look(page, "visible");
  await expect(head.name(page, bob)).toBeVisible();
});

// The events are played, because Chromium keeps no page whose scripts have received a response that must not be stored.
test("a page that the browser keeps listens no more, and again when it is shown", async ({ page }) => {
  await register(page, somebody());
  await listening(page, 1, 0);
  const turn = (name: string) =>
    page.evaluate((name) => dispatchEvent(new PageTransitionEvent(name, { persisted: true })) && undefined, name);
  await turn("pagehide");
  await listening(page, 0, 0);
  await turn("pageshow");
  await listening(page, 1, 0);
});

test("when its tab is closed, another one listens", async ({ page, context, visitor }) => {
  const ada = somebody();
  await register(page, ada);
  const other = await context.newPage();
  await open(other, "/");
  await listening(other, 1, 1);
  await page.close();
  await listening(other, 1, 0);
  await endOthers(await visitor(), ada);
  await said(other, "Your session has ended.");
});

test("g8: while the server is away nobody is signed out, and what happened is learnt afterwards", async ({
  visitor,
  ownServer,
  trouble,
}) => {
  trouble.expect(/ERR_|\b50\d\b/);
  const ada = somebody();
  const desk = await visitor({ baseURL: ownServer.url });
  const phone = await visitor({ baseURL: ownServer.url });
  await register(desk, ada);
  await signIn(phone, ada);
  await open(phone, "/");
  await listening(phone, 1, 0);
  let failed = 0;
  phone.on("requestfailed", (request) => (failed += Number(request.url().endsWith("/api/events"))));
  await ownServer.kill();
  // The open stream, and one that was requested afterwards.
  // A page whose stream was cut waits up to ten seconds, because many are cut at once.
  await expect.poll(() => failed, { timeout: 20_000 }).toBeGreaterThan(1);
  await expect(head.name(phone, ada)).toBeVisible();
  const back = phone.waitForResponse((answer) => answer.url().endsWith("/api/events") && answer.ok());
  await ownServer.resume();
  await back;
  await expect(head.name(phone, ada)).toBeVisible();
  await open(desk, "/devices");
  await button(desk, "Sign out everywhere else").click();
  // The list is new, so no event is in transit any more.
  await expect(desk.getByTestId("devices").getByRole("listitem")).toHaveCount(1);
  await said(phone, "Your session has ended.");
});

test("a session that is about to end counts down in all tabs, and one click keeps it", async ({ page, context }) => {
  await context.route("**/api/events", (route) => {
    const data = JSON.stringify({ seconds: 97, soon: true, stays: true });
    return route.fulfill({ contentType: "text/event-stream", body: `event: expiring\ndata: ${data}\n\n` });
  });
  await register(page, somebody());
  const other = await context.newPage();
  await open(other, "/");
  for (const tab of [page, other]) {
    await said(tab, /Your session ends in 1:[0-3]\d/);
    const before = await tab.getByRole("timer").textContent();
    await expect(tab.getByRole("timer")).not.toHaveText(before ?? "");
  }
  // From here on the events come from the server itself.
  await context.unroute("**/api/events");
  const used = other.waitForResponse((answer) => answer.url().endsWith("/api/profile"));
  await other.getByRole("button", { name: "Stay signed in" }).click();
  expect((await used).status()).toBe(200);
  for (const tab of [page, other]) await said(tab, "");
});

test("a session that nothing keeps offers nothing to keep it", async ({ page, context }) => {
  await context.route("**/api/events", (route) => {
    const data = JSON.stringify({ seconds: 60, soon: true, stays: false });
    return route.fulfill({ contentType: "text/event-stream", body: `event: expiring\ndata: ${data}\n\n` });
  });
  await register(page, somebody());
  await said(page, "Your session ends in 0:");
  await expect(page.getByRole("button", { name: "Stay signed in" })).toBeHidden();
});

test("a stream whose head does not come in 45 s is given up, and asked for again", async ({ page }) => {
  await register(page, somebody());
  const asked: (string | undefined)[] = [];
  // Accepted and never answered, as by a proxy that waits for the end of the body.
  await page.route("**/api/events", (route) => {
    asked.push(route.request().headers()["accept"]);
  });
  await page.clock.install();
  await open(page, "/");
  await expect.poll(() => asked).toEqual(["text/event-stream"]);
  await page.clock.fastForward(46_000);
  await expect(async () => {
    // The delay before the next attempt.
    await page.clock.fastForward(2000);
    expect(asked.length).toBeGreaterThan(1);
  }).toPass();
});

test("a stream that falls silent for 45 s is given up, and asked for again", async ({ page }) => {
  await register(page, somebody());
  await page.addInitScript(() => {
    const real = window.fetch;
    const streams = { asked: 0 };
    Object.assign(window, { streams });
    window.fetch = (input, options) => {
      if (!String(input).endsWith("/api/events")) return real(input, options);
      streams.asked += 1;
      const told = 'event: expiring\ndata: {"seconds":1800,"soon":false,"stays":true}\n\n';
      const body = new ReadableStream({
        start(stream) {
          stream.enqueue(new TextEncoder().encode(told));
          options?.signal?.addEventListener("abort", () => stream.error(options.signal?.reason));
        },
      });
      return Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } }));
    };
  });
  const asked = () => page.evaluate(() => (window as unknown as { streams: { asked: number } }).streams.asked);
  await page.clock.install();
  await open(page, "/");
  await expect.poll(asked).toBe(1);
  await page.clock.runFor(40_000);
  expect(await asked(), "a heartbeat is late, and not missing").toBe(1);
  await page.clock.runFor(6000);
  await expect(async () => {
    // The delay before the next attempt.
    await page.clock.runFor(2000);
    expect(await asked()).toBeGreaterThan(1);
  }).toPass();
});
