import { expectAccessible } from "../axe";
import { awake, expect, home, isMarked, mark, SESSION_COOKIE, test } from "../fixtures";
import { button, comesBack, complaint, field, fillIn, head, open, register, signOut, somebody } from "../people";
import { layoutShift, recordLayoutShifts } from "../trouble";

for (const javaScriptEnabled of [true, false]) {
  test(`register, sign out and sign in, ${javaScriptEnabled ? "with" : "without"} JavaScript; the visits go on`, async ({
    visitor,
  }) => {
    const page = await visitor({ javaScriptEnabled });
    const ada = somebody();
    await page.goto("/");
    await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");
    await register(page, ada, javaScriptEnabled);
    await expect(page).toHaveURL("/profile");
    await expect(page.getByTestId("name")).toHaveText(ada.name);
    await expect(head.name(page, ada)).toBeVisible();
    await page.goto("/");
    await expect(home.greeting(page)).toHaveText("You visited this page 2 times");
    if (javaScriptEnabled) await awake(page);
    await signOut(page);
    await expect(page).toHaveURL("/");
    // The session has ended, with its values.
    await expect(home.greeting(page)).toHaveText("Welcome to this page for the first time!");

    await open(page, "/login", javaScriptEnabled);
    await fillIn(page, ada);
    await button(page, "Sign in").click();
    await expect(page).toHaveURL("/profile");
    await page.goto("/");
    await expect(home.greeting(page)).toHaveText("You visited this page 2 times");
    await expect(head.name(page, ada)).toBeVisible();
  });

  test(`who wanted to see a page gets there by signing in, also after a wrong password, ${
    javaScriptEnabled ? "with" : "without"
  } JavaScript`, async ({ visitor, trouble }) => {
    trouble.expect(/\b401\b/);
    const ada = somebody();
    await register(await visitor(), ada);
    const page = await visitor({ javaScriptEnabled });
    await open(page, "/security", javaScriptEnabled);
    await expect(page).toHaveURL("/login?next=/security");
    await fillIn(page, { ...ada, password: "not that one" });
    await button(page, "Sign in").click();
    await expect(complaint(page)).toHaveText("Wrong e-mail address or password.");
    await expect(field(page, "Password")).toBeFocused();
    await expect(field(page, "Password")).toHaveAttribute("aria-invalid", "true");
    await expect(field(page, "Password")).toHaveAccessibleDescription(/Wrong e-mail address or password/);
    expect(page.url()).not.toContain("example");
    await fillIn(page, ada);
    await button(page, "Sign in").click();
    await expect(page).toHaveURL("/security");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Security");
    // A signed-in visitor is redirected away from the sign-in page.
    await page.goto("/login?next=/security");
    await expect(page).toHaveURL("/security");
  });
}

test("a wrong password is told without loading a page, what was typed stays, and nothing stays disabled", async ({
  page,
  trouble,
}) => {
  trouble.expect(/\b401\b/);
  const ada = somebody();
  await open(page, "/login");
  await mark(page);
  for (const password of ["wrong once", "wrong twice"]) {
    await fillIn(page, { ...ada, password });
    const answer = page.waitForResponse("**/api/login");
    await field(page, "Password").press("Enter");
    expect((await answer).status()).toBe(401);
    await expect(complaint(page)).toHaveText("Wrong e-mail address or password.");
    await expect(field(page, "E-mail address")).toHaveValue(ada.username);
    await expect(button(page, "Sign in")).toBeEnabled();
    await expect(page.locator("main form")).not.toHaveAttribute("aria-busy");
  }
  expect(await isMarked(page)).toBe(true);
  await expect(home.notice(page)).toBeHidden();
});

test("what is wrong stands beside its field, and is gone when it is right", async ({ page, trouble }) => {
  trouble.expect(/\b400\b/, /\b409\b/);
  const [taken, ada] = [somebody("Mary"), somebody()];
  await register(page, taken);
  await signOut(page);
  await open(page, "/register");
  await field(page, "Name").fill(ada.name);
  await field(page, "E-mail address").fill(taken.username);
  await field(page, "Password").fill("password1234");
  await button(page, "Create account").click();
  await expect(field(page, "E-mail address")).toBeFocused();
  await expect(field(page, "E-mail address")).toHaveAccessibleDescription(/There is an account with this e-mail address/);
  await field(page, "E-mail address").fill(ada.username);
  await field(page, "E-mail address").press("Enter");
  await expect(field(page, "Password")).toBeFocused();
  await expect(field(page, "Password")).toHaveAccessibleDescription(/too easy to guess/);
  await expect(field(page, "E-mail address")).not.toHaveAttribute("aria-invalid");
  await expect(complaint(page)).toHaveCount(1);
  await field(page, "Password").fill(ada.password);
  await field(page, "Password").press("Enter");
  await expect(page).toHaveURL("/profile");
});

test("keep me signed in: the cookie outlives the browser, and only then", async ({ page, context }) => {
  const ada = somebody();
  await register(page, ada);
  for (const keep of [false, true]) {
    await signOut(page);
    await open(page, "/login");
    await fillIn(page, ada);
    if (keep) await field(page, "Keep me signed in").check();
    await button(page, "Sign in").click();
    await expect(page).toHaveURL("/profile");
    await awake(page);
    const cookie = (await context.cookies()).find(({ name }) => name === SESSION_COOKIE);
    const days = ((cookie?.expires ?? 0) - Date.now() / 1000) / 86_400;
    if (keep) expect(days).toBeGreaterThan(29);
    else expect(cookie?.expires).toBe(-1);
  }
});

test("a password is changed, the old one is dead, and so is every other device", async ({ page, visitor, trouble }) => {
  trouble.expect(/\b401\b/, /\b400\b/);
  const ada = somebody();
  const changed = { ...ada, password: "another loaf for the long way" };
  await register(page, ada);
  const other = await visitor();
  await open(other, "/login");
  await fillIn(other, ada);
  await button(other, "Sign in").click();
  await expect(other).toHaveURL("/profile");

  await page.getByRole("banner").getByRole("link", { name: "Security" }).click();
  await expect(page).toHaveURL("/security");
  await awake(page);
  await mark(page);
  const change = async (current: string, fresh: string) => {
    await field(page, "Current password").fill(current);
    await field(page, "New password").fill(fresh);
    await button(page, "Change password").click();
  };
  await change("not that one", changed.password);
  await expect(field(page, "Current password")).toBeFocused();
  await expect(complaint(page)).toHaveCount(1);
  await change(ada.password, changed.password);
  await expect(page.getByRole("main").getByRole("status")).toHaveText("Your password has been changed.");
  await expect(field(page, "New password")).toHaveValue("");
  expect(await isMarked(page)).toBe(true);

  // The other device learns of it and navigates by itself.
  await expect(other).toHaveURL("/login?next=/profile");
  await awake(other);
  await fillIn(other, ada);
  await button(other, "Sign in").click();
  await expect(complaint(other)).toHaveCount(1);
  await fillIn(other, changed);
  await button(other, "Sign in").click();
  await expect(other).toHaveURL("/profile");
});

test("who is signed out elsewhere is led to sign in, and back", async ({ page, context, trouble }) => {
  trouble.expect(/\b401\b/);
  const ada = somebody();
  // No event reaches this page, so it learns of the end by its next request.
  await page.route("**/api/events", (route) => route.fulfill({ contentType: "text/event-stream", body: "" }));
  await register(page, ada);
  await open(page, "/security");
  await context.request.post("/api/logout", { data: {} });
  await field(page, "Current password").fill(ada.password);
  await field(page, "New password").fill("another loaf for the long way");
  await button(page, "Change password").click();
  await expect(page).toHaveURL("/login?next=/security");
  await awake(page);
  await fillIn(page, ada);
  await button(page, "Sign in").click();
  await expect(page).toHaveURL("/security");
});

test("a server that is away loses nothing of what was typed", async ({ page, ownServer, trouble }) => {
  trouble.expect(/ERR_CONNECTION_REFUSED/, /ERR_CONNECTION_RESET/, /ERR_EMPTY_RESPONSE/);
  const ada = somebody();
  await page.goto(`${ownServer.url}/login`);
  await awake(page);
  await fillIn(page, ada);
  await ownServer.kill();
  await button(page, "Sign in").click();
  await expect(home.notice(page)).toContainText("The server cannot be reached");
  await expect(field(page, "Password")).toHaveValue(ada.password);
  await expect(button(page, "Sign in")).toBeEnabled();
});

test("by keyboard alone: register, sign out, sign in", async ({ page }) => {
  const ada = somebody();
  const reach = async (name: string) => {
    for (let presses = 0; presses < 25; presses += 1) {
      await page.keyboard.press("Tab");
      const reached = await page.evaluate(() => {
        const element = document.activeElement as HTMLInputElement;
        const { outlineStyle } = getComputedStyle(element);
        return { name: (element.labels?.[0]?.textContent || element.textContent || "").trim(), seen: outlineStyle !== "none" };
      });
      expect(reached.seen, `the focus on “${reached.name}” can be seen`).toBe(true);
      if (reached.name === name) return;
    }
    throw new Error(`Tab does not lead to “${name}”`);
  };
  const type = async (fields: [string, string][]) => {
    for (const [label, text] of fields) {
      await reach(label);
      await page.keyboard.type(text);
    }
    await follow("/profile");
  };
  // Waits for the page, because Tab does not work before.
  const follow = async (path: string) => {
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(path);
    await awake(page);
  };
  await open(page, "/");
  await reach("Sign in");
  await follow("/login");
  await reach("Create an account");
  await follow("/register");
  await type([["Name", ada.name], ["E-mail address", ada.username], ["Password", ada.password]]);
  await reach("Sign out");
  await page.keyboard.press("Enter");
  await expect(head.signIn(page)).toBeVisible();
  await open(page, "/login");
  await type([["E-mail address", ada.username], ["Password", ada.password]]);
});

const PAGES = ["/login", "/register", "/profile", "/security", "/devices"];

for (const colorScheme of ["light", "dark"] as const) {
  test(`in the ${colorScheme} theme axe finds nothing on any page`, async ({ visitor, trouble }) => {
    trouble.expect(/\b401\b/);
    const page = await visitor({ colorScheme });
    await register(page, somebody());
    for (const path of PAGES) {
      if (path.startsWith("/login") && (await head.signOut(page).isVisible())) await signOut(page);
      else if (path === "/profile") await register(page, somebody());
      await open(page, path);
      await expectAccessible(page);
    }
    await comesBack(page, "/devices", "/api/confirm", { current: "not that one" });
    await awake(page);
    await expect(page.getByRole("heading", { name: "Confirm it’s you" })).toBeVisible();
    await expectAccessible(page);
    await signOut(page);
    await comesBack(page, "/login", "/api/login", { username: "ada@example.com", password: "not that one" });
    await awake(page);
    await expect(complaint(page)).toBeVisible();
    await expectAccessible(page);
  });
}

test("nothing is wider than 320 pixels, and nothing moves when the islands wake", async ({ page }) => {
  await recordLayoutShifts(page);
  await page.setViewportSize({ width: 320, height: 800 });
  await register(page, somebody("Augusta Ada King, Countess of Lovelace"));
  const widest = () => page.evaluate(() => document.documentElement.scrollWidth);
  for (const path of ["/profile", "/security", "/devices", "/"]) {
    await open(page, path);
    expect(await widest(), path).toBeLessThanOrEqual(320);
    expect(await layoutShift(page), path).toBeLessThan(0.001);
  }
  await signOut(page);
  const [wrong, weak] = [{ username: "ada@example.com", password: "not that one" }, { name: "Ada", username: "b@example.com", password: "1" }];
  for (const [path, form] of [["/login", wrong], ["/register", weak]] as const) {
    await comesBack(page, path, `/api${path}`, form);
    await awake(page);
    await expect(complaint(page)).toBeVisible();
    expect(await widest(), path).toBeLessThanOrEqual(320);
    expect(await layoutShift(page), path).toBeLessThan(0.001);
  }
});
