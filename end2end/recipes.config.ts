import { defineConfig } from "@playwright/test";
import config from "./playwright.config";

/** Tests of the files in deploy/, each with the real proxy in front of the release; see recipes/recipe.ts. */
export default defineConfig({
  ...config,
  testDir: "recipes",
  // One at a time, because a proxy, two nodes and a browser are enough load for a small machine, and so that ports do
  // not collide.
  workers: 1,
});
