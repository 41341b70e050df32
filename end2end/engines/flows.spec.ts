/**
 * The main flows of a session in Firefox and WebKitGTK. The tests for Chromium only are in `tests/` and `matrix/`.
 */

import { places } from "../matrix/deployment";
import { type Person, somebody } from "../people";
import { expect, type Tab, type Target, test } from "./fixtures";
import { isMissing } from "./installed";

test.skip(({ engineName }) => isMissing(engineName), "the engine is not installed");

const FIRST = "Welcome to this page for the first time!";
const times = (visits: number) => `You visited this page ${visits} times`;
const MISMATCH = "The data in the session does not match!";
const ENDED = "Your session has ended. Your data was removed from this page.";

const visits: Target = { css: "[data-testid=visits]" };
const answer: Target = { css: "[data-testid=answer]" };
const ending: Target = { css: "[data-testid=ending]" };
const value: Target = { css: "label", text: "Value in the session" };
const button = (text: string): Target => ({ css: "main button", text });
const field = (text: string): Target => ({ css: "main label", text });
const signIn: Target = { css: "header a", text: "Sign in" };
const signOut: Target = { css: "header button", text: "Sign out" };
const nameOf = ({ name }: Person): Target => ({ css: "header a", text: name });

/** Repeats a check until it passes, because the page may navigate meanwhile. */
const eventually = (check: () => Promise<void>) => expect(check).toPass({ intervals: [20, 50, 100], timeout: 15_000 });
const says = (tab: Tab, target: Target, words: string) =>
  eventually(async () => expect(await tab.text(target)).toBe(words));
const shows = (tab: Tab, target: Target) => eventually(async () => expect(await tab.isThere(target)).toBe(true));
const isAt = (tab: Tab, url: string) => eventually(async () => expect(await tab.url()).toBe(url));

/**
 * Waits until the islands are hydrated. All are hydrated at once, and every page has one with the button that
 * dismisses a notice. Before that a form posts by itself, which is right for visitors, but a test of the island would
 * pass without it.
 */
async function awake(tab: Tab): Promise<void> {
  const answers = () =>
    tab.evaluate(() => {
      let answered = false;
      const judge = (event: Event) => {
        answered = event.defaultPrevented;
        event.preventDefault();
      };
      addEventListener("click", judge);
      document.querySelector<HTMLButtonElement>("[data-testid=notice] button")?.click();
      removeEventListener("click", judge);
      return answered;
    });
  await eventually(async () => expect(await answers(), "the islands are hydrated").toBe(true));
}

async function open(tab: Tab, url: string, javaScript = "with"): Promise<void> {
  await tab.goto(url);
  if (javaScript === "with") await awake(tab);
}

async function register(tab: Tab, person: Person): Promise<void> {
  await tab.type(field("Name"), person.name);
  await fillIn(tab, person);
  await tab.click(button("Create account"));
  await says(tab, { css: "[data-testid=username]" }, person.username);
}

async function fillIn(tab: Tab, { username, password }: Person): Promise<void> {
  await tab.type(field("E-mail address"), username);
  await tab.type(field("Password"), password);
}

/** Signs in on another device. */
async function comeIn(tab: Tab, origin: string, person: Person): Promise<void> {
  await open(tab, `${origin}/login`);
  await fillIn(tab, person);
  await tab.click(button("Sign in"));
  await isAt(tab, `${origin}/profile`);
}

const devices = (tab: Tab) =>
  tab.evaluate(() => [...document.querySelectorAll("[data-testid=devices] li")].map((one) => one.textContent ?? ""));

/** Waits for the number of tabs that listen to the session, and of those that wait for the lock. */
const listening = (tab: Tab, listen: number, wait: number) =>
  eventually(async () => {
    const found = await tab.evaluate(async () => {
      const { held, pending } = await navigator.locks.query();
      return [held?.length, pending?.length];
    });
    expect(found).toEqual([listen, wait]);
  });

/** Marks the document. A reload removes the mark. */
const mark = (tab: Tab) => tab.evaluate(() => Object.assign(window, { marked: true }) && undefined);
const isMarked = (tab: Tab) => tab.evaluate(() => "marked" in window);

/** Confirms the value, and checks that a reload counts as a visit of the same session. */
async function shakeHands(tab: Tab, origin: string): Promise<void> {
  await open(tab, origin);
  await says(tab, visits, FIRST);
  // In an exported page the value comes with another response than the visits.
  await eventually(async () => expect(await tab.value(value)).toMatch(/^[0-9a-f-]{36}$/));
  await tab.click(button("Send"));
  await says(tab, answer, "Success!");
  await tab.reload();
  await says(tab, visits, times(2));
}

test("handshake: the value of the session is confirmed, an edited one is refused, and no page is loaded", async ({
  visitor,
  server,
}) => {
  const tab = await (await visitor()).tab();
  await open(tab, server.url);
  await mark(tab);
  await tab.click(button("Send"));
  await says(tab, answer, "Success!");
  await tab.type(value, "x");
  await tab.click(button("Send"));
  await says(tab, answer, MISMATCH);
  expect(await isMarked(tab)).toBe(true);
});

test("visits: the first is greeted, every later one is counted, and two browsers have two sessions", async ({
  visitor,
  server,
}) => {
  const [tab, other] = [await (await visitor()).tab(), await (await visitor()).tab()];
  await tab.goto(server.url);
  await says(tab, visits, FIRST);
  const kept = await tab.value(value);
  await tab.reload();
  await says(tab, visits, times(2));
  await tab.goto(server.url);
  await says(tab, visits, times(3));
  expect(await tab.value(value)).toBe(kept);
  await other.goto(server.url);
  await says(other, visits, FIRST);
  expect(await other.value(value)).not.toBe(kept);
});

test("theme: a choice is seen at once, survives a reload, and begins no session", async ({ visitor, server }) => {
  const browser = await visitor();
  const tab = await browser.tab();
  const isDark = (wanted: boolean) =>
    eventually(async () => {
      const [theme, scheme, behind] = await tab.evaluate(() => {
        const { colorScheme, backgroundColor } = getComputedStyle(document.body);
        return [document.documentElement.dataset.theme, colorScheme, backgroundColor];
      });
      expect([theme, scheme]).toEqual(wanted ? ["dark", "dark"] : ["light", "light"]);
      const [red] = behind?.match(/[\d.]+/) ?? [];
      expect(Number(red) < 60, `${behind} is dark`).toBe(wanted);
    });
  await open(tab, `${server.url}/login`);
  for (const [theme, dark] of [
    ["Dark", true],
    ["Light", false],
  ] as const) {
    await tab.click({ css: "header button", text: theme });
    await isDark(dark);
    await tab.reload();
    await isDark(dark);
    expect(await tab.isThere({ css: "header button[aria-pressed=true]", text: theme })).toBe(true);
    await awake(tab);
  }
  const [theme, ...others] = await browser.jar(`${server.url}/login`);
  expect(others).toEqual([]);
  expect(theme).toMatchObject({ name: "theme", value: "light" });
  expect(theme.ends).toBeGreaterThan(Date.now() / 1000 + 30 * 86_400);
});

test("sign-in and sign-out: what is done in one tab is seen in the other", async ({ visitor, server }) => {
  const [ada, browser] = [somebody(), await visitor()];
  const [tab, other] = [await browser.tab(), await browser.tab()];
  await open(other, server.url);
  await shows(other, signIn);
  await open(tab, `${server.url}/register`);
  await register(tab, ada);
  await shows(other, nameOf(ada));
  await awake(tab);
  await listening(tab, 1, 1);
  await tab.click(signOut);
  await isAt(tab, `${server.url}/`);
  await shows(other, signIn);
  await eventually(async () => expect(await other.text(ending)).toContain(ENDED));
  expect(await tab.text(ending)).toBeFalsy();
});

test("devices: each is listed by its engine's name, and signed out from another", async ({
  visitor,
  server,
  engineName,
}) => {
  const ada = somebody();
  const [desk, phone] = [await (await visitor()).tab(), await (await visitor()).tab()];
  await open(desk, `${server.url}/register`);
  await register(desk, ada);
  await comeIn(phone, server.url, ada);
  await open(desk, `${server.url}/devices`);
  const name = { Firefox: "Firefox on Linux", WebKitGTK: "Safari on Linux" }[engineName];
  await eventually(async () => {
    const [own, other, ...more] = await devices(desk);
    expect(own).toContain(`${name} (this one)`);
    expect(other).toContain(`${name}Signed in just now`);
    expect(more).toEqual([]);
  });
  await desk.click({ css: "[data-testid=devices] li:last-child button" });
  await eventually(async () => expect(await devices(desk)).toHaveLength(1));
  // The other device learns of it and navigates by itself.
  await isAt(phone, `${server.url}/login?next=/profile`);
  await awake(phone);
  await fillIn(phone, ada);
  await phone.click(button("Sign in"));
  await isAt(phone, `${server.url}/profile`);
});

test("live events: signed out from another device, all tabs are empty at once, on one connection", async ({
  visitor,
  server,
}) => {
  const ada = somebody();
  const desk = await (await visitor()).tab();
  const browser = await visitor();
  const [phone, second] = [await browser.tab(), await browser.tab()];
  await open(desk, `${server.url}/register`);
  await register(desk, ada);
  await comeIn(phone, server.url, ada);
  await open(phone, server.url);
  await open(second, server.url);
  await shows(second, nameOf(ada));
  await listening(second, 1, 1);
  await open(desk, `${server.url}/devices`);
  await desk.click(button("Sign out everywhere else"));
  for (const tab of [phone, second]) {
    await eventually(async () => expect(await tab.text(ending)).toContain(ENDED));
    await shows(tab, signIn);
    expect(await tab.isThere(visits)).toBe(false);
  }
  await listening(second, 0, 0);
  await shows(desk, nameOf(ada));
});

test("a front end on another host of the site: the session is kept, and a sign-out empties the other tab", async ({
  visitor,
  deploy,
}) => {
  const [ada, { origin }, browser] = [somebody(), await deploy(places.hosts), await visitor()];
  const [tab, other] = [await browser.tab(), await browser.tab()];
  await shakeHands(tab, origin);
  await open(tab, `${origin}/register`);
  await register(tab, ada);
  await open(other, origin);
  await shows(other, nameOf(ada));
  await says(other, visits, times(3));
  await tab.click(signOut);
  await shows(tab, signIn);
  await shows(other, signIn);
  await eventually(async () => expect(await other.text(ending)).toContain(ENDED));
});

test("a front end of another site: the session is kept by an engine that has partitions", async ({
  visitor,
  deploy,
  engineName,
}) => {
  const [{ origin, api }, tab] = [await deploy(places.sites), await (await visitor()).tab()];
  if (engineName === "Firefox") return shakeHands(tab, origin);
  // WebKitGTK cannot keep the session: it blocks third-party cookies, and libsoup has no partitioned cookies.
  await open(tab, origin);
  await says(tab, visits, FIRST);
  await tab.click(button("Send"));
  await says(tab, answer, MISMATCH);
  expect(await api.sessions(), "each call began a session").toBeGreaterThan(1);
});

test("without JavaScript: handshake, theme, register, sign out and sign in", async ({ visitor, server }) => {
  const [ada, tab] = [somebody(), await (await visitor("without")).tab()];
  await tab.goto(server.url);
  const kept = (await tab.value(value)) ?? "";
  await tab.click(button("Send"));
  await says(tab, answer, "Success!");
  expect(await tab.url()).not.toContain(kept);
  await tab.type(value, "x");
  await tab.click(button("Send"));
  await says(tab, answer, MISMATCH);
  await tab.click({ css: "header button", text: "Dark" });
  await shows(tab, { css: "html[data-theme=dark]" });
  await tab.goto(`${server.url}/register`);
  await register(tab, ada);
  await tab.click(signOut);
  await shows(tab, signIn);
  await tab.goto(`${server.url}/login`);
  await fillIn(tab, ada);
  await tab.click(button("Sign in"));
  await isAt(tab, `${server.url}/profile`);
  await shows(tab, nameOf(ada));
});
