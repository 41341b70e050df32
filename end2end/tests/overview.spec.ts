import { awake, expect, home, SESSION_COOKIE, test } from "../fixtures";

test("the browser's end names the cookie and its attributes, as the browser has them", async ({ page, context }) => {
  await page.goto("/");
  const end = page.getByTestId("browser-end");
  await expect(end).toContainText(SESSION_COOKIE);
  for (const attribute of ["HttpOnly", "SameSite=Lax", "Path=/"]) await expect(end).toContainText(attribute);
  const cookie = (await context.cookies()).find(({ name }) => name === SESSION_COOKIE);
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Lax", path: "/", secure: false, domain: "localhost" });
});

test("the server's end shows keys and store, and both deadlines count down", async ({ page }) => {
  await page.goto("/");
  const end = page.getByTestId("server-end");
  await expect(end).toContainText("visits");
  await expect(end).toContainText("sqlite");
  for (const deadline of ["idle-left", "absolute-left"]) {
    const clock = page.getByTestId(deadline);
    const served = (await clock.textContent()) ?? "";
    await expect(clock).not.toHaveText(served);
    expect(seconds((await clock.textContent()) ?? "")).toBeLessThan(seconds(served));
  }
});

test("a call that uses the session renews the idle deadline on the page", async ({ page }) => {
  await page.goto("/");
  await awake(page);
  const idle = page.getByTestId("idle-left");
  const served = (await idle.textContent()) ?? "";
  await expect(idle).not.toHaveText(served);
  // The server marks a session as used once a minute, so the test lets it say more than the page shows.
  await page.route("**/api/overview", async (route) => {
    const answer = await route.fetch();
    const text = (await answer.text()).replace(/"idle_left":\d+/, `"idle_left":${59 * 60}`);
    await route.fulfill({ response: answer, body: text });
  });
  await home.send(page).click();
  await expect(home.answer(page)).toHaveText("Success!");
  await expect(idle).toHaveText(/^5[89]:\d\d$/);
});

test("g11: the cookie's value can be read by no script and stands nowhere in the page", async ({ page, context }) => {
  await page.goto("/");
  // The second page is of an existing session.
  const html = (await (await page.reload())?.text()) ?? "";
  const cookie = (await context.cookies()).find(({ name }) => name === SESSION_COOKIE);
  const value = cookie?.value ?? "";
  expect(value.length).toBeGreaterThan(20);
  await awake(page);
  expect(await page.evaluate(() => document.cookie)).not.toContain(SESSION_COOKIE);
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  const shown = await page.content();
  // The token is the part before the signature. Neither part may appear.
  for (const part of [value, decodeURIComponent(value), ...value.split(".").filter((part) => part.length > 8)]) {
    for (const place of [html, shown, kept]) expect(place).not.toContain(part);
  }
});

function seconds(clock: string): number {
  return clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}
