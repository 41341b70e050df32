/** Sign-in and sign-out, with a server on another origin. */

import { complaint, seesProfile, signIn, signOut, signUp, somebody } from "../people";
import { EXPRESS } from "./apis";
import { type Deployment, places } from "./deployment";
import { expect, home, open, type Page, test, visit } from "./fixtures";
import { HARDTACK as PAGES } from "./front-ends";
import { pairs } from "./pairs";

/** Returns the session cookie in the browser. */
async function sessionId(page: Page, { pair }: Deployment): Promise<string | undefined> {
  const cookies = (await page.context().cookies()).filter(({ name }) => name === pair.api.cookie);
  expect(cookies.length, "cookies of the session").toBeLessThan(2);
  return cookies[0]?.value;
}

/** Returns the status of the response to an earlier session cookie. */
async function statusOf(id: string, { pair, api }: Deployment): Promise<number> {
  return (await api.call("/api/profile", { headers: { cookie: `${pair.api.cookie}=${id}` } })).status;
}

for (const pair of pairs) {
  for (const [where, place] of Object.entries(places)) {
    test(`${pair.name}, ${where}: register, sign out, sign in; the visits go on, each time under another id`, async ({
      page,
      deploy,
      trouble,
    }) => {
      trouble.expect(/\b401\b/);
      // Our pages request live events, which Express does not have.
      if (pair.api === EXPRESS && pair.frontEnd === PAGES) trouble.expect(/\b404\b/);
      const deployment = await deploy(pair, place);
      const ada = somebody();
      const ids: string[] = [];
      const hasAnotherId = async () => {
        const id = (await sessionId(page, deployment)) ?? "";
        expect(id).not.toBe("");
        expect(ids).not.toContain(id);
        for (const old of ids) expect(await statusOf(old, deployment)).not.toBe(200);
        ids.push(id);
      };
      const seesVisits = async (greeting: string) => {
        await open(page, deployment);
        await expect(home.greeting(page)).toHaveText(greeting);
      };

      await seesVisits("Welcome to this page for the first time!");
      await hasAnotherId();
      await visit(page, deployment, "/register");
      await signUp(page, ada);
      await hasAnotherId();
      await page.reload();
      await seesProfile(page, ada);
      await seesVisits("You visited this page 2 times");
      expect(await deployment.api.sessions()).toBe(1);

      await signOut(page);
      // The session has ended, with its values.
      await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
      await hasAnotherId();
      const asked = page.waitForResponse(`${deployment.api.url}/api/profile`);
      await page.goto(`${deployment.origin}/profile`, { waitUntil: "commit" });
      expect((await asked).status()).toBe(401);
      await page.waitForURL(/\/login\b/);
      await pair.frontEnd.awake(page);

      const refused = page.waitForResponse(`${deployment.api.url}/api/login`);
      await signIn(page, { ...ada, password: "not that one" });
      expect((await refused).status()).toBe(401);
      await expect(complaint(page)).toHaveText("Wrong e-mail address or password.");
      expect(await sessionId(page, deployment)).toBe(ids.at(-1));
      await signIn(page, ada);
      await seesProfile(page, ada);
      await hasAnotherId();
      await seesVisits("You visited this page 2 times");
      expect(await deployment.api.sessions()).toBe(1);
    });
  }
}
