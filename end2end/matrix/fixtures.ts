/** What every test of the matrix starts from: an authority that the browser trusts, and a front end with an API. */

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
  /** Starts a pair at a place; it is stopped when the test ends. */
  deploy: (pair: Pair, place: Place) => Promise<Deployment>;
};

type Shared = {
  /** What the browser does with cookies of a site other than the page's. */
  thirdPartyCookies: "blocked" | "allowed";
  authority: Authority;
};

/** The example hosts are on this machine. */
export const RESOLVE = "--host-resolver-rules=MAP *.example.com 127.0.0.1, MAP *.example.org 127.0.0.1";

/** The values of Chromium's preference. */
const COOKIE_CONTROLS = { allowed: 0, blocked: 1 };

export const test = base.extend<Fixtures, Shared>({
  thirdPartyCookies: ["blocked", { scope: "worker", option: true }],
  authority,
  // Started with a profile, because only its preference decides about third-party cookies both ways: in Chromium 156
  // --test-third-party-cookie-phaseout does nothing, and without a preference they are blocked.
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
  // Every test names its addresses; the release that the other tests share is not started.
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

/** Opens a page, or loads it anew, and waits until it works. */
export async function visit(page: Page, { pair, origin }: Deployment, path: string): Promise<void> {
  await page.goto(origin + path);
  await pair.frontEnd.awake(page);
}

/** Opens the home page, or loads it anew, waits until it works, and gives the session's value. */
export async function open(page: Page, deployment: Deployment): Promise<string> {
  await visit(page, deployment, "/");
  await expect(home.field(page)).toHaveValue(UUID);
  return home.field(page).inputValue();
}
