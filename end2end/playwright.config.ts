import { defineConfig } from "@playwright/test";
import { launchOptions } from "./chromium";

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  fullyParallel: true,
  // Each worker has a browser and a server of its own.
  workers: 2,
  // A test that passes at the second try is a fault of the test or of the program.
  retries: 0,
  forbidOnly: process.env.CI === "true",
  // What hangs is found by these. Long, because a machine that also compiles is no fault.
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: "list",
  use: {
    browserName: "chromium",
    launchOptions,
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
  },
});
