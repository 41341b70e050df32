/**
 * Three concurrent requests on a first visit, each of which stores a value, and how many of the values end up in one
 * session.
 */

import { places } from "./deployment";
import { type Page, test } from "./fixtures";
import { pairs } from "./pairs";

const ROUNDS = 50;

/** The bodies of the counting requests: JSON causes a preflight, a form does not. */
const BODIES = {
  JSON: { type: "application/json", body: "{}" },
  form: { type: "application/x-www-form-urlencoded", body: "" },
};

/**
 * Reads the value and counts two visits concurrently, then repeats both one after the other. Returns whether one
 * session has all.
 */
async function keepsAll(page: Page, api: string, as: keyof typeof BODIES): Promise<boolean> {
  return page.evaluate(
    async ({ api, type, body }) => {
      const value = () => fetch(`${api}/api/session`, { credentials: "include" });
      const headers = { accept: "application/json", "content-type": type };
      const visit = () => fetch(`${api}/api/visits`, { method: "POST", headers, body, credentials: "include" });
      const [first] = await Promise.all([value(), visit(), visit()]);
      const { id } = await (await value()).json();
      const { visits } = await (await visit()).json();
      // Compares with the session that the browser has in the end.
      return id === (await first.json()).id && visits === 3;
    },
    { api, ...BODIES[as] },
  );
}

// This only measures, because a server cannot know that three requests without a cookie are from one visitor.
for (const pair of pairs.filter(({ frontEnd }) => frontEnd.name === "Vue")) {
  for (const body of ["JSON", "form"] as const) {
    test(`${pair.api.name}: how often a first visit of three requests at once (${body}) keeps all`, async ({
      browser,
      deploy,
    }, info) => {
      test.setTimeout(360_000);
      const { origin, api } = await deploy(pair, places.ports);
      let kept = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const page = await (await browser.newContext()).newPage();
        // A file of the front end that makes no calls.
        await page.goto(`${origin}/app.js`);
        if (await keepsAll(page, api.url, body)) kept += 1;
        await page.context().close();
      }
      const begun = await api.sessions();
      const description = `${kept} of ${ROUNDS} first visits ended with all in one session; ${begun} sessions begun`;
      info.annotations.push({ type: pair.api.name, description });
      console.log(`${pair.api.name}, ${body}: ${description}`);
    });
  }
}
