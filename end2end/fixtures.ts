/** The fixtures of the tests: a separate server, a watched browser, and page objects of the home page. */

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
  /** Errors that were not expected. They fail the test at its end. */
  trouble: Trouble;
  /** Opens a page of another visitor in a separate, watched context. */
  visitor: (options?: BrowserContextOptions) => Promise<Page>;
  /** A server for one test, which it may stop and start. `page` still belongs to the shared server. */
  ownServer: Server;
};

export const test = base.extend<Fixtures, { server: Server }>({
  server,
  baseURL: async ({ server }, use) => use(server.url),
  trouble: async ({}, use) => {
    const trouble = new Trouble();
    await use(trouble);
    expect(trouble.unexpected, "unexpected errors").toEqual([]);
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

/** Leaves every page before its server stops, because requests in progress or retries would be unexpected errors. */
export async function leaveAll(browser: Browser): Promise<void> {
  for (const page of browser.contexts().flatMap((context) => context.pages())) await page.goto("about:blank");
}

export const SESSION_COOKIE = "hardtack_sess";

/** Page objects of the home page. */
export const home = {
  greeting: (page: Page) => page.getByTestId("visits"),
  field: (page: Page) => page.getByRole("textbox"),
  send: (page: Page) => page.getByRole("button", { name: "Send", exact: true }),
  answer: (page: Page) => page.getByTestId("answer"),
  notice: (page: Page) => page.getByTestId("notice"),
  theme: (page: Page, name: "System" | "Light" | "Dark") => page.getByRole("button", { name, exact: true }),
};

/**
 * Waits until the islands are hydrated: every button in one has its handler.
 *
 * Before that a form posts by itself, which is right for visitors, but a test of the island would pass without it.
 * `watchIslands` records the buttons with a handler.
 */
export async function awake(page: Page): Promise<void> {
  // Not `waitForFunction`, because the pages' content security policy forbids its `eval`.
  const answers = () =>
    page.evaluate(() => {
      const buttons = [...document.querySelectorAll("leptos-island button")];
      const { answering } = window as unknown as Answering;
      return buttons.length > 0 && buttons.every((button) => answering?.has(button));
    });
  await expect.poll(answers, { message: "the islands are hydrated" }).toBe(true);
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

/** Goes to a page without a link to it: the response to a form with a content type that the server refuses. */
export async function goToRefusal(page: Page): Promise<void> {
  await page.goto("/");
  await page.evaluate(() => {
    const form = document.querySelector<HTMLFormElement>("form.handshake");
    if (form) form.enctype = "text/plain";
    // Not through its button, which the hydrated island handles.
    form?.submit();
  });
  await expect(page.getByRole("link", { name: "Go to the home page" })).toBeVisible();
}

/** Marks the document. A reload removes the mark, so that a test can tell whether a page was loaded. */
export async function mark(page: Page): Promise<void> {
  await page.evaluate(() => Object.assign(window, { marked: true }));
}

export async function isMarked(page: Page): Promise<boolean> {
  return page.evaluate(() => "marked" in window);
}
