/** Page and API on two sites, in a browser that blocks third-party cookies. */

import { EXPRESS } from "./apis";
import { places } from "./deployment";
import { expect, home, open, test } from "./fixtures";
import { VUE } from "./front-ends";
import { pairs } from "./pairs";
import { comeBack, shakeHands } from "./steps";

test.use({ thirdPartyCookies: "blocked" });

for (const pair of pairs) {
  test.describe(`${pair.name}, two sites`, () => {
    test("a partitioned session confirms its value and refuses another", async ({ page, deploy, trouble }) => {
      trouble.expect(/\b409\b/);
      await shakeHands(page, await deploy(pair, places.sites));
    });

    test("a partitioned session outlives a reload, and its cookie is partitioned", async ({
      page,
      context,
      deploy,
    }) => {
      const deployment = await deploy(pair, places.sites);
      await comeBack(page, deployment);
      expect(await deployment.api.sessions()).toBe(1);
      const kept = (await context.cookies()).filter(({ name }) => name === pair.api.cookie);
      expect(kept).toMatchObject([{ sameSite: "None", secure: true, httpOnly: true, domain: places.sites.api }]);
      expect(kept[0]).toHaveProperty("partitionKey", "https://example.com");
    });

    test("two browsers have two partitioned sessions", async ({ page, visitor, deploy }) => {
      const deployment = await deploy(pair, places.sites);
      const other = await visitor();
      const [value, others] = [await open(page, deployment), await open(other, deployment)];
      expect(others).not.toBe(value);
      // A reload must show the same values, because two lost sessions would differ as well.
      expect(await open(page, deployment)).toBe(value);
      expect(await open(other, deployment)).toBe(others);
      expect(await deployment.api.sessions()).toBe(2);
    });
  });
}

// Proves that the tests above depend on the setting. See also third-party-cookies.spec.ts, where the cookies are
// allowed.
test("the browser does block: a session that is not partitioned is lost", async ({
  page,
  context,
  deploy,
  trouble,
}) => {
  trouble.expect(/\b409\b/);
  const pair = { name: "Vue and Express", frontEnd: VUE, api: EXPRESS };
  const deployment = await deploy(pair, { ...places.sites, cookie: "unpartitioned" });
  const value = await open(page, deployment);
  await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("The data in the session does not match!");
  expect(await open(page, deployment)).not.toBe(value);
  expect(await context.cookies()).toEqual([]);
});
