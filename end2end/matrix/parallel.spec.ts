import { bare, countKept } from "./at-once";
import { places } from "./deployment";
import { test } from "./fixtures";
import { pairs } from "./pairs";

const ROUNDS = 50;

// Measured, and nothing more is asked: a server alone cannot know that three requests without a cookie are one visitor.
for (const pair of pairs.filter(({ frontEnd }) => frontEnd.name === "Vue")) {
  for (const body of ["JSON", "form"] as const) {
    test(`${pair.api.name}: how often a first visit of three requests at once (${body}) keeps all`, async ({
      browser,
      deploy,
    }, info) => {
      test.setTimeout(120_000);
      const { origin, api } = await deploy(pair, places.ports);
      const visit = async () => {
        const page = await (await browser.newContext()).newPage();
        // A file of the front end that calls nothing.
        await page.goto(`${origin}/app.js`);
        return page;
      };
      const kept = await countKept(ROUNDS, visit, api.url, bare(body));
      const begun = await api.sessions();
      const description = `${kept} of ${ROUNDS} first visits ended with all in one session; ${begun} sessions begun`;
      info.annotations.push({ type: pair.api.name, description });
      console.log(`${pair.api.name}, ${body}: ${description}`);
    });
  }
}
