import { defineConfig } from "@playwright/test";
import config from "./playwright.config";

/** Screenshots instead of tests; see tools/screenshot. */
export default defineConfig({ ...config, testDir: "shots", use: { ...config.use, trace: "off", screenshot: "off" } });
