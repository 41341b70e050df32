/** What every test of this folder starts from: a server of its own, a watched browser, and the words for the home page. */

import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  expect,
  type Page,
  test as base,
} from "@playwright/test";
import { Server } from "./server";
import { server } from "./shared";
import { Trouble } from "./trouble";

export { expect };
export type { Page };

type Fixtures = {
  /** What went wrong unasked. It fails the test at its end, unless the test said that it expects it. */
  trouble: Trouble;
  /** A page of another visitor: a context of its own, watched as well. */
  visitor: (options?: BrowserContextOptions) => Promise<Page>;
  /** A server for one test alone, to be stopped and started at will. `page` still belongs to the shared one. */
  ownServer: Server;
};

export const test = base.extend<Fixtures, { server: Server }>({
  server,
  baseURL: async ({ server }, use) => use(server.url),
  trouble: async ({}, use) => {
    const trouble = new Trouble();
    await use(trouble);
    expect(trouble.unexpected, "what went wrong unasked").toEqual([]);
  },
  context: async ({ context, trouble }, use) => {
    await trouble.watch(context);
    await watchIslands(context);
    await use(context);
  },
  visitor: async ({ browser, baseURL, trouble }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (options = {}) => {
      const context = await browser.newContext({ baseURL, ...options });
      contexts.push(context);
      await trouble.watch(context);
      await watchIslands(context);
      return context.newPage();
    });
    for (const context of contexts) await context.close();
  },
  ownServer: async ({ browser }, use) => {
    const server = await Server.start();
    await use(server);
    await leaveAll(browser);
    await server.stop();
  },
});

/** Leaves every page before its server stops: what one still loads, or tries again, would be trouble then. */
export async function leaveAll(browser: Browser): Promise<void> {
  for (const page of browser.contexts().flatMap((context) => context.pages())) await page.goto("about:blank");
}

export const SESSION_COOKIE = "hardtack_sess";

/** The home page in the words of its tests. */
export const home = {
  greeting: (page: Page) => page.getByTestId("visits"),
  field: (page: Page) => page.getByRole("textbox"),
  send: (page: Page) => page.getByRole("button", { name: "Send", exact: true }),
  answer: (page: Page) => page.getByTestId("answer"),
  notice: (page: Page) => page.getByTestId("notice"),
  theme: (page: Page, name: "System" | "Light" | "Dark") => page.getByRole("button", { name, exact: true }),
};

/**
 * Waits until the islands answer: every button in one has its handler.
 *
 * Before that a form posts by itself, which is right for people, but would let a test pass that means the island.
 * `watchIslands` notes which buttons have one.
 */
export async function awake(page: Page): Promise<void> {
  // Not `waitForFunction`, which the pages' content security policy keeps from evaluating.
  const answers = () =>
    page.evaluate(() => {
      const buttons = [...document.querySelectorAll("leptos-island button")];
      const { answering } = window as unknown as Answering;
      return buttons.length > 0 && buttons.every((button) => answering?.has(button));
    });
  await expect.poll(answers, { message: "the islands are awake" }).toBe(true);
}

type Answering = { answering?: WeakSet<EventTarget> };

async function watchIslands(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const answering = new WeakSet<EventTarget>();
    Object.assign(window, { answering });
    const listen = EventTarget.prototype.addEventListener;
    EventTarget.prototype.addEventListener = function (this: EventTarget, type: string, ...rest: unknown[]) {
      if (type === "click") answering.add(this);
      Reflect.apply(listen, this, [type, ...rest]);
    } as typeof listen;
  });
}

/** Goes to a page that no page links to: the answer to a form of a content type that the server does not take. */
export async function goToRefusal(page: Page): Promise<void> {
  await page.goto("/");
  await page.evaluate(() => {
    const form = document.querySelector<HTMLFormElement>("form.handshake");
    if (form) form.enctype = "text/plain";
    // Not by its button, which the island answers once it is awake.
    form?.submit();
  });
  await expect(page.getByRole("link", { name: "Go to the home page" })).toBeVisible();
}

/** A document that is loaded anew forgets the mark: so a call that needs no page load can be told from one that does. */
export async function mark(page: Page): Promise<void> {
  await page.evaluate(() => Object.assign(window, { marked: true }));
}

export async function isMarked(page: Page): Promise<boolean> {
  return page.evaluate(() => "marked" in window);
}
