import { defineConfig } from "@playwright/test";
import config from "./playwright.config";

/** Front ends and APIs on two origins, every one of either with every one of the other; see matrix/pairs.ts. */
export default defineConfig({
  ...config,
  testDir: "matrix",
  // One at a time: the rounds in parallel.spec.ts are a race on purpose.
  workers: 1,
});
