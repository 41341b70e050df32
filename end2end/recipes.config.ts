import { defineConfig } from "@playwright/test";
import config from "./playwright.config";

/** The files of deploy/, each with the real proxy before the release; see recipes/recipe.ts. */
export default defineConfig({
  ...config,
  testDir: "recipes",
  // One at a time: a proxy, two nodes and a browser are enough for a small machine, and ports are not taken away.
  workers: 1,
});
