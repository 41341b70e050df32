/** Three requests at once on a first visit, each of which stores a value, and what of it one session has afterwards. */

import { places } from "./deployment";
import { type Page, test } from "./fixtures";
import { pairs } from "./pairs";

const ROUNDS = 50;

/** How the counting requests go: JSON lets the browser ask for leave first, a form does not. */
const BODIES = {
  JSON: { type: "application/json", body: "{}" },
  form: { type: "application/x-www-form-urlencoded", body: "" },
};

/** Asks for the value and counts two visits, by a client that puts nothing in order; then the same again, one by one. */
async function keepsAll(page: Page, api: string, as: keyof typeof BODIES): Promise<boolean> {
  return page.evaluate(
    async ({ api, type, body }) => {
      const value = () => fetch(`${api}/api/session`, { credentials: "include" });
      const headers = { accept: "application/json", "content-type": type };
      const visit = () => fetch(`${api}/api/visits`, { method: "POST", headers, body, credentials: "include" });
      const [first] = await Promise.all([value(), visit(), visit()]);
      const { id } = await (await value()).json();
      const { visits } = await (await visit()).json();
      // Of the session that the browser ended with.
      return id === (await first.json()).id && visits === 3;
    },
    { api, ...BODIES[as] },
  );
}

// Measured, and nothing more is asked: a server alone cannot know that three requests without a cookie are one visitor.
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
        // A file of the front end that calls nothing.
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
