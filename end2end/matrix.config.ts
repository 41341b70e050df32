import { defineConfig } from "@playwright/test";
import config from "./playwright.config";

/** Front ends and APIs on two origins, in every combination; see matrix/pairs.ts. */
export default defineConfig({
  ...config,
  testDir: "matrix",
});
