/** Pages with a session of another origin: folders of files that any web server can serve. */

import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { awake, expect, type Page } from "../fixtures";
import { command } from "../hardtack";

export type FrontEnd = {
  name: string;
  /** Creates the folder `into` with pages that call the API at `api`; our pages may have further settings. */
  build: (into: string, api: string, own?: Record<string, string>) => Promise<void>;
  /** Waits until the page's controls work. */
  awake: (page: Page) => Promise<void>;
};

const FIXTURE = resolve(__dirname, "../fixtures/vue");
const PACKAGES = resolve(__dirname, "../node_modules");

export const VUE: FrontEnd = {
  name: "Vue",
  build: async (into, api) => {
    await mkdir(into);
    await copyFile(join(FIXTURE, "app.js"), join(into, "app.js"));
    await copyFile(join(PACKAGES, "vue/dist/vue.esm-browser.prod.js"), join(into, "vue.js"));
    await copyFile(join(PACKAGES, "axios/dist/esm/axios.min.js"), join(into, "axios.js"));
    const page = await readFile(join(FIXTURE, "index.html"), "utf8");
    const empty = '<meta name="hardtack-api" content="" />';
    if (!page.includes(empty)) throw new Error(`the page has no ${empty}`);
    const named = page.replace(empty, `<meta name="hardtack-api" content="${api}" />`);
    for (const path of ["", "login", "profile", "register"]) {
      await mkdir(join(into, path), { recursive: true });
      await writeFile(join(into, path, "index.html"), named);
    }
  },
  // Vue shows the heading only when its handlers work.
  awake: (page) => expect(page.getByRole("heading", { level: 1 })).toBeVisible(),
};

export const HARDTACK: FrontEnd = {
  name: "Hardtack's pages",
  build: async (into, api, own) => {
    const settings = { HARDTACK_SITE_URL: api, HARDTACK_SITE_INSECURE: `${api.startsWith("http:")}`, ...own };
    await command(["export", "--out", into, "--api", api], dirname(into), settings);
  },
  awake,
};
