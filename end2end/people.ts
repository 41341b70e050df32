/** People with accounts, and their actions on pages. */

import { awake, expect, type Page } from "./fixtures";

const PASSWORD = "a biscuit that keeps for years";

let people = 0;

/** Returns a person whom no other test uses. */
export function somebody(name = "Ada") {
  people += 1;
  return { name, username: `visitor${people}@example.com`, password: PASSWORD };
}

export type Person = ReturnType<typeof somebody>;

export const head = {
  name: (page: Page, { name }: Pick<Person, "name">) => page.getByRole("banner").getByRole("link", { name, exact: true }),
  signIn: (page: Page) => page.getByRole("banner").getByRole("link", { name: "Sign in", exact: true }),
  signOut: (page: Page) => page.getByRole("banner").getByRole("button", { name: "Sign out", exact: true }),
};

export const field = (page: Page, label: string) => page.getByLabel(label, { exact: true });
export const button = (page: Page, name: string) => page.getByRole("main").getByRole("button", { name, exact: true });
export const complaint = (page: Page) => page.getByRole("main").getByRole("alert").filter({ hasText: /./ });

export async function open(page: Page, path: string, javaScriptEnabled = true): Promise<void> {
  await page.goto(path);
  if (javaScriptEnabled) await awake(page);
}

export async function register(page: Page, person: Person, javaScriptEnabled = true): Promise<void> {
  await open(page, "/register", javaScriptEnabled);
  await signUp(page, person);
}

/** Creates an account on the registration page. */
export async function signUp(page: Page, person: Person): Promise<void> {
  await field(page, "Name").fill(person.name);
  await fillIn(page, person);
  await button(page, "Create account").click();
  await seesProfile(page, person);
}

export async function fillIn(page: Page, person: Person): Promise<void> {
  await field(page, "E-mail address").fill(person.username);
  await field(page, "Password").fill(person.password);
}

/** Signs in on the sign-in page. */
export async function signIn(page: Page, person: Person): Promise<void> {
  await fillIn(page, person);
  await button(page, "Sign in").click();
}

/** Asserts that the profile page shows this person. */
export async function seesProfile(page: Page, person: Person): Promise<void> {
  await expect(page.getByTestId("name")).toHaveText(person.name);
  await expect(page.getByTestId("username")).toHaveText(person.username);
}

/**
 * Posts a form as a browser without script does, and opens the page with the outcome.
 *
 * The address alone does not show the outcome, because it needs the cookie of the response.
 */
export async function comesBack(page: Page, from: string, to: string, form: Record<string, string>): Promise<void> {
  const base = new URL(page.url()).origin;
  const headers = { accept: "text/html", referer: base + from, origin: base, "sec-fetch-site": "same-origin" };
  const answer = await page.request.post(base + to, { form, headers, maxRedirects: 0 });
  await page.goto(base + (answer.headers()["location"] ?? ""));
}

export async function signOut(page: Page): Promise<void> {
  await head.signOut(page).click();
  await expect(head.signIn(page)).toBeVisible();
}
