import { defineConfig } from "@playwright/test";
import config from "./playwright.config";

/** The browser's client alone, against servers that the tests play; see client/played.ts. `tools/client` builds it. */
export default defineConfig({ ...config, testDir: "client", timeout: 30_000 });
