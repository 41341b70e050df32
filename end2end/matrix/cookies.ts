/** The table of cookies of the doctor's model, checked in Chromium. */

import { EventEmitter, once } from "node:events";
import type { Cookie } from "@playwright/test";
import { expect, type Page, test as base } from "./fixtures";
import { type Asked, CASES, type Servers, servers, spelt } from "./table";

type Seen = {
  carries?: string;
  withheld: Record<string, string[]>;
  kept?: string;
  days?: number;
  refused?: string[];
};

/** Records the network events about cookies, by URL. */
class Witness {
  private readonly ids = new Map<string, string>();
  private readonly withheld = new Map<string, Record<string, string[]>>();
  private readonly refused = new Map<string, string[]>();
  private readonly news = new EventEmitter();

  static async of(page: Page): Promise<Witness> {
    const witness = new Witness();
    const network = await page.context().newCDPSession(page);
    // The three events come in any order.
    network.on("Network.requestWillBeSent", ({ requestId, request }) => {
      witness.ids.set(request.url, requestId);
      witness.news.emit("told");
    });
    network.on("Network.requestWillBeSentExtraInfo", ({ requestId, associatedCookies }) => {
      const blocked = associatedCookies.filter(({ blockedReasons }) => blockedReasons.length > 0);
      const entries = blocked.map(({ cookie, blockedReasons }) => [cookie.name, blockedReasons.sort()]);
      witness.withheld.set(requestId, Object.fromEntries(entries));
      witness.news.emit("told");
    });
    network.on("Network.responseReceivedExtraInfo", ({ requestId, blockedCookies }) => {
      witness.refused.set(requestId, blockedCookies.flatMap(({ blockedReasons }) => blockedReasons).sort());
      witness.news.emit("told");
    });
    await network.send("Network.enable");
    return witness;
  }

  /** Returns the cookies that were not sent, and the reason why the response's cookie was rejected. */
  async saw({ href }: URL): Promise<{ withheld: Record<string, string[]>; refused: string[] }> {
    for (;;) {
      const id = this.ids.get(href) ?? "";
      const [withheld, refused] = [this.withheld.get(id), this.refused.get(id)];
      if (withheld && refused) return { withheld, refused };
      await once(this.news, "told");
    }
  }
}

async function send(page: Page, by: Asked["by"], url: string): Promise<void> {
  if (by === undefined || by === "fetch") {
    await page.evaluate((url) => fetch(url, { credentials: "include" }).then((answer) => answer.text()), url);
    return;
  }
  const there = page.waitForURL(url);
  await page.evaluate(
    ({ url, by }) => {
      const way = Object.assign(document.createElement(by === "link" ? "a" : "form"), {
        href: url,
        action: url,
        method: "post",
      });
      document.body.append(way);
      if (way instanceof HTMLFormElement) way.submit();
      else way.click();
    },
    { url, by },
  );
  await there;
}

/** Returns the key that identifies a cookie. */
const key = ({ name, domain, path, partitionKey }: Cookie) => JSON.stringify([name, domain, path, partitionKey]);

/** Makes the request in the browser. */
async function ask(page: Page, servers: Servers, witness: Witness, asked: Asked): Promise<Seen> {
  const from = servers.address(asked.page);
  if (page.url() !== from.href) await page.goto(from.href);
  const cookies = () => page.context().cookies();
  const before = await cookies();
  const url = servers.expecting(asked.to, asked.sets, asked.date);
  await send(page, asked.by, url.href);
  const { withheld, refused } = await witness.saw(url);
  const after = await cookies();
  const seen: Seen = { carries: servers.cookiesOf(url), withheld };
  if (asked.sets === undefined) return seen;
  if (asked.days !== undefined) seen.days = Math.round((after[0].expires - Date.now() / 1000) / 86_400);
  const known = new Set(before.map(key));
  // The number can stay the same, because the oldest cookie is evicted when there are many.
  if (after.some((cookie) => !known.has(key(cookie)))) return { ...seen, kept: "New" };
  if (after.length < before.length) return { ...seen, kept: "Removed" };
  if (JSON.stringify(after) !== JSON.stringify(before)) return { ...seen, kept: "Replaced" };
  return { ...seen, refused };
}

/** Returns the table's result for Chromium. */
function told({ carries, withheld = {}, kept, days, refused }: Asked): Seen {
  const told = Object.entries(withheld).filter(([, { chromium }]) => chromium.length > 0);
  return {
    carries: carries && spelt(carries),
    withheld: Object.fromEntries(told.map(([name, { chromium }]) => [name, chromium])),
    kept,
    days,
    refused: refused?.chromium,
  };
}

type Shared = {
  servers: Servers;
  /** One page for all cases, emptied between them, because a new one for each would take more than twice as long. */
  watched: { page: Page; witness: Witness };
};

const test = base.extend<{}, Shared>({
  servers,
  watched: [
    async ({ browser }, use) => {
      const page = await (await browser.newContext()).newPage();
      await use({ page, witness: await Witness.of(page) });
      await page.context().close();
    },
    { scope: "worker" },
  ],
});

/** Declares a test for each case of the table with this setting. */
export function holdAgainstTable(thirdPartyCookies: "blocked" | "allowed"): void {
  test.use({ thirdPartyCookies });
  const cases = CASES.filter(({ blocked = false }) => blocked === (thirdPartyCookies === "blocked"));
  for (const { name, requests } of cases) {
    test(`third-party cookies ${thirdPartyCookies}: ${name}`, async ({ watched: { page, witness }, servers }) => {
      await page.context().clearCookies();
      for (const asked of requests) {
        const seen = await ask(page, servers, witness, { ...asked, sets: asked.sets && spelt(asked.sets) });
        expect(seen, JSON.stringify(asked)).toEqual(told(asked));
      }
    });
  }
}
