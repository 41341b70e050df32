import { defineConfig } from "@playwright/test";
import type { Shared } from "./engines/fixtures";
import config from "./playwright.config";

/**
 * The main flows and the table of cookies in Firefox and WebKitGTK; see engines/. Playwright starts no browser here.
 */
export default defineConfig<object, Shared>({
  ...config,
  testDir: "engines",
  // Each file has a worker, which starts its engine once.
  fullyParallel: false,
  use: {},
  projects: (["Firefox", "WebKitGTK"] as const).map((engineName) => ({ name: engineName, use: { engineName } })),
});
