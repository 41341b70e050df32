/**
 * Pages that other software modifies: extensions, translators, prefetches, content blockers, proxies that save data.
 */

import type { BrowserContext } from "@playwright/test";
import { awake, expect, home, isMarked, mark, type Page, test } from "../fixtures";

const SCRIPT = /\/pkg\/[^/]+\.js$/;
const WASM = /\/pkg\/[^/]+\.wasm$/;

/** Opens the home page, and changes it before its islands are hydrated. */
async function openAnd(page: Page, change: () => void): Promise<void> {
  let release = () => {};
  const changed = new Promise<void>((done) => (release = done));
  await page.route(SCRIPT, async (route) => {
    await changed;
    await route.continue();
  });
  await page.goto("/");
  await page.evaluate(change);
  release();
}

/** Records the calls of a page, such as `POST /api/theme`. */
function calls(context: BrowserContext): string[] {
  const made: string[] = [];
  context.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/api/") && pathname !== "/api/events") made.push(`${request.method()} ${pathname}`);
  });
  return made;
}

/** Counts the click handlers of each element. */
async function countHandlers(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const listen = EventTarget.prototype.addEventListener;
    EventTarget.prototype.addEventListener = function (this: EventTarget, type: string, ...rest: unknown[]) {
      if (type === "click" && this instanceof HTMLElement) {
        this.dataset.handlers = String(1 + Number(this.dataset.handlers ?? 0));
      }
      Reflect.apply(listen, this, [type, ...rest]);
    } as typeof listen;
  });
}

/** Waits until the islands after the form's are hydrated: the last one counts down. */
async function countsDown(page: Page): Promise<void> {
  const clock = page.getByTestId("absolute-left");
  const shown = (await clock.textContent()) ?? "";
  await expect(clock).not.toHaveText(shown);
}

/** Asserts that the unchanged islands work and have one handler each, however often the page is touched. */
async function othersAnswerOnce(page: Page, made: string[]): Promise<void> {
  await countsDown(page);
  for (let touch = 0; touch < 3; touch += 1) {
    await page.keyboard.press("Shift");
    await page.getByRole("heading", { level: 1 }).click();
  }
  made.length = 0;
  await mark(page);
  const told = page.waitForResponse("**/api/theme");
  await home.theme(page, "Dark").click();
  await told;
  await expect(home.theme(page, "Dark")).toHaveAttribute("data-handlers", "1");
  expect(made).toEqual(["POST /api/theme"]);
  expect(await isMarked(page)).toBe(true);
}

/** Asserts that the form posts, and that a page with the outcome comes back. */
async function formPosts(page: Page): Promise<void> {
  await mark(page);
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("Success!");
  // The address has lost its query, because the outcome was shown.
  await expect(page).toHaveURL("/");
  expect(await isMarked(page)).toBe(false);
}

/** Asserts that the form makes a call without a page load. */
async function formAsks(page: Page): Promise<void> {
  await mark(page);
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("Success!");
  expect(await isMarked(page)).toBe(true);
}

test.describe("what an extension has changed before it wakes sleeps on, and the rest of the page wakes once", () => {
  const changes: [string, () => void][] = [
    ["an element before the button", () => document.querySelector(".handshake button")?.before(document.createElement("div"))],
    [
      "an element behind the field",
      () => document.querySelector(".handshake input")?.after(document.createElement("grammarly-extension")),
    ],
    [
      "elements around texts",
      () => {
        const label = document.querySelector(".handshake label");
        if (label) label.innerHTML = `<font><font>${label.textContent}</font></font>`;
      },
    ],
    [
      "comments taken away",
      () => {
        const within = document.createTreeWalker(document.querySelector(".handshake") as Node, NodeFilter.SHOW_COMMENT);
        const comments: ChildNode[] = [];
        while (within.nextNode()) comments.push(within.currentNode as ChildNode);
        if (comments.length === 0) throw new Error("the form has no comments");
        for (const comment of comments) comment.remove();
      },
    ],
  ];
  for (const [what, change] of changes) {
    test(what, async ({ page, context }) => {
      const made = calls(context);
      await countHandlers(page);
      await openAnd(page, change);
      await othersAnswerOnce(page, made);
      await formPosts(page);
    });
  }
});

test("an island that fails while it wakes is the end of that one alone", async ({ page, context }) => {
  const made = calls(context);
  await countHandlers(page);
  await openAnd(page, () => {
    const broken = document.querySelector("[data-testid=visits]")?.closest("leptos-island");
    broken?.setAttribute("data-props", "{");
  });
  await othersAnswerOnce(page, made);
  await formAsks(page);
  await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
});

test("a notice is shown although its own island sleeps", async ({ page, context }) => {
  await openAnd(page, () => document.querySelector(".notice form")?.append(document.createElement("div")));
  await countsDown(page);
  await context.route("**/api/session", (route) => route.fulfill({ status: 200, body: "no answer of ours" }));
  await home.send(page).click();
  await expect(home.notice(page)).toContainText("went wrong");
});

test("a translator replaces the texts of an open page, and what the page says afterwards is true", async ({ page, trouble }) => {
  trouble.expect(/\b409\b/);
  await page.goto("/");
  await awake(page);
  await page.evaluate(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const all: Text[] = [];
    while (texts.nextNode()) all.push(texts.currentNode as Text);
    for (const text of all.filter((text) => text.data.trim() && !text.parentElement?.closest("script"))) {
      const outer = document.createElement("font");
      outer.append(document.createElement("font"));
      outer.firstElementChild?.append(text.data);
      text.replaceWith(outer);
    }
  });
  await countsDown(page);
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("Success!");
  await home.field(page).fill("something else");
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("The data in the session does not match!");
  // Parts that are not prose are excluded from translation.
  for (const part of ["absolute-left", "idle-left"]) await expect(page.getByTestId(part)).toHaveAttribute("translate", "no");
});

test("g7: a prefetched page counts one visit when it is shown, fills its field, and has one session", async ({
  page,
  context,
}) => {
  const made = calls(context);
  context.on("response", (answer) => {
    if (new URL(answer.url()).pathname.startsWith("/api/")) made.push("answered");
  });
  const prefetch = (headers: Record<string, string>) => ({ headers: { ...headers, purpose: "prefetch" } });
  await page.route("/", (route) => route.continue(prefetch(route.request().headers())));
  // The page is also prerendered: its scripts must not make calls before it is shown.
  await page.addInitScript(() => {
    Object.defineProperty(document, "prerendering", { value: true, configurable: true });
  });
  await page.goto("/");
  expect(await context.cookies()).toEqual([]);
  await expect(home.field(page)).toHaveValue("");
  await page.keyboard.press("Shift");
  await page.evaluate(() => new Promise((idle) => requestIdleCallback(idle)));
  expect(made, "the page is not shown yet").toEqual([]);

  await page.evaluate(() => {
    Object.defineProperty(document, "prerendering", { value: false });
    document.dispatchEvent(new Event("prerenderingchange"));
  });
  await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
  await expect(home.field(page)).toHaveValue(/^[0-9a-f-]{36}$/);
  await expect(page.getByTestId("server-end")).toContainText("visits");
  // Three concurrent calls would begin three sessions, of which the browser would keep one.
  expect(made.slice(0, 3)).toEqual(["POST /api/visits", "answered", "GET /api/session"]);
  await formAsks(page);
  expect(made.filter((call) => call === "POST /api/visits")).toHaveLength(1);
  await page.unroute("/");
  await page.reload();
  await expect(home.greeting(page)).toHaveText("You visited this page 2 times");
});

test("a blocker that drops the WebAssembly leaves forms that post; let through, the next touch wakes them", async ({
  page,
  trouble,
}) => {
  trouble.expect(/^request failed: GET .*\.wasm/, /ERR_BLOCKED_BY_CLIENT/);
  const dropped = page.waitForEvent("requestfailed", (request) => WASM.test(request.url()));
  await page.route(WASM, (route) => route.abort("blockedbyclient"));
  await page.goto("/");
  await dropped;
  await formPosts(page);
  await page.unroute(WASM);
  await page.keyboard.press("Shift");
  await awake(page);
  await formAsks(page);
});

test("a blocker that drops the script of the events leaves islands that work", async ({ page, trouble }) => {
  trouble.expect(/^request failed: GET .*events\.js/, /ERR_BLOCKED_BY_CLIENT/);
  await page.route("**/events.js?*", (route) => route.abort("blockedbyclient"));
  await page.goto("/");
  await awake(page);
  await formAsks(page);
});

test("a proxy that takes scripts and comments away leaves a page whose forms post", async ({ page }) => {
  await page.route("/", async (route) => {
    const answer = await route.fetch();
    const html = (await answer.text()).replace(/<script.*?<\/script>/gs, "").replace(/<!--.*?-->|<!>/gs, "");
    await route.fulfill({ response: answer, body: html });
  });
  await page.goto("/");
  await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
  await formPosts(page);
});
