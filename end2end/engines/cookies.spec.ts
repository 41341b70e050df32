/** The table of cookies of the doctor's model, checked in Firefox and WebKitGTK. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Asked, CASES, type Case, type Servers, servers, spelt } from "../matrix/table";
import { expect, type Tab, test as base, type ThirdParties, type Visitor } from "./fixtures";
import { isMissing } from "./installed";
import type { Cookie } from "./tab";

type Seen = Pick<Asked, "carries" | "kept" | "days">;

/** The cases in which an engine differs from Chromium, and those that it cannot run. */
type Table = { differs: Case[]; unplayed: Pick<Case, "name" | "blocked">[] };

const read = (file: string): Table =>
  JSON.parse(readFileSync(join(__dirname, "../../crates/hardtack-doctor/src/tests", file), "utf8"));

const TABLES = { Firefox: read("firefox.json"), WebKitGTK: read("webkit.json") };

type Played = { visitor: Visitor; tab: Tab };

type Shared = {
  servers: Servers;
  /** One browser for all cases with separate hosts. */
  shared: (setting: ThirdParties) => Promise<Played>;
};

const test = base.extend<{}, Shared>({
  servers,
  shared: [
    async ({ engineThat }, use) => {
      const started = new Map<ThirdParties, Played>();
      await use(async (setting) => {
        const played = started.get(setting) ?? (await play(await (await engineThat(setting)).visitor()));
        started.set(setting, played);
        return played;
      });
      for (const { visitor } of started.values()) await visitor.close();
    },
    { scope: "worker" },
  ],
});

test.skip(({ engineName }) => isMissing(engineName), "the engine is not installed");

async function play(visitor: Visitor): Promise<Played> {
  return { visitor, tab: await visitor.tab() };
}

async function send(tab: Tab, by: Asked["by"], url: string): Promise<void> {
  if (by === undefined || by === "fetch") {
    await tab.evaluate((url) => fetch(url, { credentials: "include" }).then((answer) => answer.text()), url);
    return;
  }
  await tab.evaluate(
    (url, by) => {
      const way = Object.assign(document.createElement(by === "link" ? "a" : "form"), {
        href: url,
        action: url,
        method: "post",
      });
      document.body.append(way);
      if (way instanceof HTMLFormElement) way.submit();
      else way.click();
    },
    url,
    by,
  );
  await expect(async () => {
    expect(await tab.url()).toBe(url);
    expect(await tab.evaluate(() => document.readyState)).toBe("complete");
  }).toPass({ intervals: [5, 10, 20], timeout: 10_000 });
}

const key = ({ name, domain, path }: Cookie) => JSON.stringify([name, domain, path]);

/** A running case, with the cookies that were last read. */
class Round {
  private readonly known = new Map<string, Cookie[]>();

  constructor(
    private readonly played: Played,
    private readonly servers: Servers,
    /** The number in the case's host names. */
    private readonly at: number,
    /** Whether the case has a separate browser. */
    private readonly local: boolean,
  ) {}

  async ask(asked: Asked): Promise<Seen> {
    const { tab } = this.played;
    const from = this.servers.address(this.own(asked.page));
    if ((await tab.url()) !== from.href) await tab.goto(from.href);
    const line = asked.sets && this.own(spelt(asked.sets));
    const url = this.servers.expecting(this.own(asked.to), line, asked.date);
    if (line === undefined) {
      await send(tab, asked.by, url.href);
      return { carries: this.servers.cookiesOf(url) };
    }
    // An engine may list only the cookies for one URL, so read them at a URL to which the new cookie would be sent.
    const path = /;\s*path=(\/[^;]*)/i.exec(line)?.[1].trim() ?? url.pathname;
    const there = new URL(path, url).href;
    const before = this.known.get(there) ?? (this.known.size > 0 ? await this.jar(there) : []);
    await send(tab, asked.by, url.href);
    const after = await this.jar(there);
    this.known.clear();
    this.known.set(there, after);
    return { carries: this.servers.cookiesOf(url), ...this.became(before, after, asked) };
  }

  private became(before: Cookie[], after: Cookie[], { days }: Asked): Seen {
    const ends = after.at(-1)?.ends ?? 0;
    const seen: Seen = days === undefined ? {} : { days: Math.round((ends - Date.now() / 1000) / 86_400) };
    // The number can stay the same, because the oldest cookie is evicted when there are many.
    const isNew = after.some((cookie) => !before.some((known) => key(known) === key(cookie)));
    if (isNew || after.length > before.length) return { ...seen, kept: "New" };
    if (after.length < before.length) return { ...seen, kept: "Removed" };
    return JSON.stringify(after) === JSON.stringify(before) ? seen : { ...seen, kept: "Replaced" };
  }

  private async jar(there: string): Promise<Cookie[]> {
    const all = await this.played.visitor.jar(there);
    return this.local ? all : all.filter(({ domain }) => domain.includes(`c${this.at}example.`));
  }

  /** Replaces the hosts by hosts of this case only, so that the jar need not be emptied. */
  private own(text: string): string {
    return text.replace(/example(?=\.(com|org)\b)/gi, `c${this.at}example`);
  }
}

/** Loopback names cannot be replaced. */
const isLocal = (text: string) => /localhost|127\.0\.0\.1/.test(text);

CASES.forEach((chromium, at) => {
  const { name, blocked = false } = chromium;
  const setting = blocked ? "blocked" : "allowed";
  const same = (other: Pick<Case, "name" | "blocked">) => other.name === name && (other.blocked ?? false) === blocked;

  test(`third-party cookies ${setting}: ${name}`, async ({ servers, shared, engineThat, engineName }) => {
    const { differs, unplayed } = TABLES[engineName];
    const { requests } = differs.find(same) ?? chromium;
    const local = requests.some(({ page, to }) => isLocal(page + to));
    const played = local ? await play(await (await engineThat(setting)).visitor()) : await shared(setting);
    const round = new Round(played, servers, at, local);
    const all = async () => {
      for (const asked of requests) {
        const { carries, kept, days } = asked;
        const told = { carries: carries && spelt(carries), kept, days };
        expect(await round.ask(asked), JSON.stringify(asked)).toEqual(told);
      }
    };
    // The table lists each case that the engine cannot run, with the reason. A case that runs must leave that list.
    if (unplayed.some(same)) await expect(all()).rejects.toThrow();
    else await all();
    if (local) await played.visitor.close();
  });
});
