/** Three requests at once on a first visit, each of which stores a value, and what of it one session has afterwards. */

import type { Page } from "../fixtures";

/** Fires the three and gives the value that the first was answered with. `bare` asks no client to put them in order. */
export type Fire = (page: Page, api: string) => Promise<string>;

/** How the body of the two counting requests goes: JSON lets the browser ask for leave first, a form does not. */
export const bare = (body: "JSON" | "form"): Fire => {
  return (page, api) =>
    page.evaluate(
      async ({ api, asJson }) => {
        const type = asJson ? "application/json" : "application/x-www-form-urlencoded";
        const headers = { accept: "application/json", "content-type": type };
        const counted = { method: "POST", headers, body: asJson ? "{}" : "", credentials: "include" } as const;
        const [session] = await Promise.all([
          fetch(`${api}/api/session`, { credentials: "include" }),
          fetch(`${api}/api/visits`, counted),
          fetch(`${api}/api/visits`, counted),
        ]);
        return (await session.json()).id as string;
      },
      { api, asJson: body === "JSON" },
    );
};

/** Whether the session that the browser ended with has all: the value, and both visits before this third one. */
export async function hasAll(page: Page, api: string, value: string): Promise<boolean> {
  const { id, visits } = await page.evaluate(async (api) => {
    const read = await fetch(`${api}/api/session`, { credentials: "include" });
    const headers = { accept: "application/json", "content-type": "application/json" };
    const counted = { method: "POST", headers, body: "{}", credentials: "include" } as const;
    const count = await fetch(`${api}/api/visits`, counted);
    return { id: (await read.json()).id, visits: (await count.json()).visits };
  }, api);
  return id === value && visits === 3;
}

/** In how many of so many first visits one session ended with all. `visit` gives a page that has asked for nothing. */
export async function countKept(rounds: number, visit: () => Promise<Page>, api: string, fire: Fire): Promise<number> {
  let kept = 0;
  for (let round = 0; round < rounds; round += 1) {
    const page = await visit();
    const value = await fire(page, api);
    if (await hasAll(page, api, value)) kept += 1;
    await page.context().close();
  }
  return kept;
}
