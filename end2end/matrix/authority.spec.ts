/** The browser gets no exceptions: it trusts this authority for these names, and nothing else. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authority, homeAt } from "../authority";
import { Caddy } from "../caddy";
import { expect, RESOLVE, test } from "./fixtures";

test("the authority is trusted for its names where its home is, and nowhere else", async ({
  playwright,
  launchOptions,
  authority,
}) => {
  const folder = await mkdtemp(join(tmpdir(), "hardtack-trust-"));
  const stranger = await Authority.make();
  let caddy: Caddy | undefined;
  const visit = async (host: string, env: Record<string, string>) => {
    const args = [...(launchOptions.args ?? []), RESOLVE];
    const browser = await playwright.chromium.launch({ ...launchOptions, args, env });
    const page = await browser.newPage();
    const outcome = await page.goto(`https://${host}:${caddy?.port}/`).then(
      (answer) => answer?.status(),
      (error: Error) => error.message.match(/net::\w+/)?.[0],
    );
    await browser.close();
    return outcome;
  };
  try {
    await writeFile(join(folder, "index.html"), "<title>Trusted</title>");
    caddy = await Caddy.start(folder, folder, authority);
    expect(await visit("localhost", authority.browserEnv)).toBe(200);
    expect(await visit("api.example.org", authority.browserEnv)).toBe(200);
    expect(await visit("unnamed.example.org", authority.browserEnv)).toBe("net::ERR_CERT_COMMON_NAME_INVALID");
    expect(await visit("localhost", stranger.browserEnv)).toBe("net::ERR_CERT_AUTHORITY_INVALID");
    expect(await visit("localhost", homeAt(folder))).toBe("net::ERR_CERT_AUTHORITY_INVALID");
  } finally {
    await caddy?.stop();
    await stranger.remove();
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
});
