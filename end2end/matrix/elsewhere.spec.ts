/** Sign-in with an OpenID provider on exported pages, with the server on another origin of their site. */

import { isNamed } from "../hardtack";
import { button, field, head } from "../people";
import { Provider, settings, there } from "../provider";
import { type Api, HARDTACK as API } from "./apis";
import { places } from "./deployment";
import { expect, type Page, test, visit } from "./fixtures";
import { type FrontEnd, HARDTACK as PAGES } from "./front-ends";

test.skip(!isNamed, "RELEASE is not set");

/** Pages and a server with a provider, which knows the server. */
class Pair {
  private readonly providers: Provider[] = [];
  readonly name = "Hardtack's pages and Hardtack";
  readonly api: Api = {
    ...API,
    start: (wanted) =>
      API.start({
        ...wanted,
        more: async (url) => {
          this.providers.push(await Provider.start(url));
          return this.settings;
        },
      }),
  };
  readonly frontEnd: FrontEnd = { ...PAGES, build: (into, api) => PAGES.build(into, api, this.settings) };

  private get settings(): Record<string, string> {
    return settings(this.providers.at(-1)?.url ?? "");
  }

  async stop(): Promise<void> {
    for (const provider of this.providers) await provider.stop();
  }
}

const begin = (page: Page) => button(page, "Continue with Example").click();

for (const where of ["ports", "hosts"] as const) {
  test(`${where}: sign in there, come back to the page that was wanted, and manage without the provider`, async ({
    page,
    deploy,
    trouble,
  }) => {
    trouble.expect(/^request elsewhere: http:\/\/127\.0\.0\.1:/);
    trouble.expect(/\b(401|409)\b/);
    const pair = new Pair();
    const deployment = await deploy(pair, places[where]);
    const at = (path: string) => page.waitForURL((url) => url.href === `${deployment.origin}${path}`);

    await visit(page, deployment, "/login/?next=/security");
    await begin(page);
    await there.cancel(page);
    await expect(page.getByTestId("notice")).toContainText("You did not sign in there.");
    await at("/login/");
    // The address alone shows no outcome.
    await visit(page, deployment, "/login/?error=cancelled");
    await at("/login/");
    await expect(page.getByTestId("notice")).not.toContainText("You did not sign in there.");

    await visit(page, deployment, "/login/?next=/security");
    await begin(page);
    await there.signIn(page, "ada");
    await at("/security/");
    await pair.frontEnd.awake(page);
    await expect(head.name(page, { name: "ada of the provider" })).toBeVisible();
    await expect(field(page, "Current password")).toHaveCount(0);
    await expect(button(page, "Connect")).toHaveCount(0);

    await button(page, "Disconnect").click();
    await expect(page.getByText("This is your only way to sign in.")).toBeVisible();
    await field(page, "New password").fill("a biscuit that keeps for years");
    await button(page, "Change password").click();
    await expect(page.getByText("Your password has been changed.")).toBeVisible();
    await button(page, "Disconnect").click();
    await expect(button(page, "Connect")).toBeVisible();
    await pair.stop();
  });
}
