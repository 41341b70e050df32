/** The counterpart of across-sites.spec.ts: with third-party cookies allowed, the lost session is kept. */

import { EXPRESS } from "./apis";
import { places } from "./deployment";
import { expect, test } from "./fixtures";
import { VUE } from "./front-ends";
import { comeBack } from "./steps";

test.use({ thirdPartyCookies: "allowed" });

test("a session that is not partitioned holds where third-party cookies are allowed", async ({
  page,
  context,
  deploy,
}) => {
  const pair = { name: "Vue and Express", frontEnd: VUE, api: EXPRESS };
  await comeBack(page, await deploy(pair, { ...places.sites, cookie: "unpartitioned" }));
  expect(await context.cookies()).toMatchObject([{ name: EXPRESS.cookie, sameSite: "None" }]);
});
