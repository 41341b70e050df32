import { defineConfig } from "@playwright/test";
import { launchOptions } from "./chromium";

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  fullyParallel: true,
  // Each worker has a separate browser and server.
  workers: 2,
  // No retries, because a test that passes at the second try shows a fault of the test or of the program.
  retries: 0,
  forbidOnly: process.env.CI === "true",
  // These timeouts find tests that hang. They are long, because the machine may compile at the same time.
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
