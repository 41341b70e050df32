/** The fixtures of the matrix: an authority that the browser trusts, and a front end with an API. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Authority } from "../authority";
import { test as base, expect, home, leaveAll, type Page } from "../fixtures";
import { authority } from "../shared";
import { Deployment, type Place } from "./deployment";
import type { Pair } from "./pairs";

export { expect, home };
export type { Page };

type Fixtures = {
  /** Starts a pair at a place. It is stopped when the test ends. */
  deploy: (pair: Pair, place: Place) => Promise<Deployment>;
};

type Shared = {
  /** The browser's handling of cookies of another site than the page's. */
  thirdPartyCookies: "blocked" | "allowed";
  authority: Authority;
};

/** Resolves the example hosts to this machine. */
export const RESOLVE = "--host-resolver-rules=MAP *.example.com 127.0.0.1, MAP *.example.org 127.0.0.1";

/** The values of Chromium's preference. */
const COOKIE_CONTROLS = { allowed: 0, blocked: 1 };

export const test = base.extend<Fixtures, Shared>({
  thirdPartyCookies: ["blocked", { scope: "worker", option: true }],
  authority,
  // Started with a profile, because only the preference allows both settings: in Chromium 156
  // --test-third-party-cookie-phaseout has no effect, and without the preference third-party cookies are blocked.
  browser: [
    async ({ playwright, launchOptions, authority, thirdPartyCookies }, use) => {
      const profile = await mkdtemp(join(tmpdir(), "hardtack-profile-"));
      await mkdir(join(profile, "Default"));
      const preferences = { profile: { cookie_controls_mode: COOKIE_CONTROLS[thirdPartyCookies] } };
      await writeFile(join(profile, "Default/Preferences"), JSON.stringify(preferences));
      const persistent = await playwright.chromium.launchPersistentContext(profile, {
        ...launchOptions,
        args: [...(launchOptions.args ?? []), RESOLVE],
        env: authority.browserEnv,
      });
      const browser = persistent.browser();
      if (!browser) throw new Error("a context without a browser");
      await use(browser);
      await persistent.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
    { scope: "worker" },
  ],
  // Every test names its URLs, so the shared release is not started.
  baseURL: async ({}, use) => use(undefined),
  deploy: async ({ authority, trouble, browser }, use) => {
    trouble.expect(/^request elsewhere: https:\/\/(app|api|other)\.example\.(com|org):/);
    const started: Deployment[] = [];
    await use(async (pair, place) => {
      const deployment = await Deployment.start(pair, place, authority);
      started.push(deployment);
      return deployment;
    });
    await leaveAll(browser);
    for (const deployment of started) await deployment.stop();
  },
});

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Opens or reloads a page, and waits until it is hydrated. */
export async function visit(page: Page, { pair, origin }: Deployment, path: string): Promise<void> {
  await page.goto(origin + path);
  await pair.frontEnd.awake(page);
}

/** Opens or reloads the home page, waits until it is hydrated, and returns the session's value. */
export async function open(page: Page, deployment: Deployment): Promise<string> {
  await visit(page, deployment, "/");
  await expect(home.field(page)).toHaveValue(UUID);
  return home.field(page).inputValue();
}
