/** The OpenID provider of the tests, and the sign-in there. */

import { resolve } from "node:path";
import type { Page } from "./fixtures";
import { onFreePort } from "./ports";
import { Program } from "./program";

const FIXTURE = resolve(__dirname, "fixtures/provider/server.mjs");

export class Provider {
  private constructor(
    readonly url: string,
    private readonly program: Program,
  ) {}

  /** Starts a provider for the site at this origin. */
  static start(site: string): Promise<Provider> {
    return onFreePort(async (port) => {
      const own = { PORT: String(port), CALLBACK: `${site}/sign-in/example/callback`, HOME: `${site}/` };
      const env = { ...process.env, ...own };
      const listens = ({ said }: Program) => said.includes("listening");
      const program = await Program.start(process.execPath, [FIXTURE], { cwd: __dirname, env }, listens);
      return new Provider(`http://127.0.0.1:${port}`, program);
    });
  }

  stop(): Promise<unknown> {
    return this.program.stop();
  }
}

/** Returns the settings of a site with this provider. */
export const settings = (url: string): Record<string, string> => ({
  HARDTACK_SIGN_IN_PROVIDERS:
    `[{ id = "example", name = "Example", issuer = "${url}", ` +
    'client_id = "hardtack", client_secret = "env:EXAMPLE_SECRET" }]',
  EXAMPLE_SECRET: "a secret of the tests",
});

/** Actions on the provider's page. */
export const there = {
  signIn: async (page: Page, login: string): Promise<void> => {
    await page.getByLabel("Who").fill(login);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
  },
  cancel: (page: Page): Promise<void> => page.getByRole("button", { name: "Cancel" }).click(),
};
