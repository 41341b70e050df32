import { defineConfig } from "@playwright/test";
import config from "./playwright.config";

/**
 * Tests of the browser's client alone, against stub servers; see client/played.ts. `tools/client` builds the client.
 */
export default defineConfig({ ...config, testDir: "client", timeout: 30_000 });
