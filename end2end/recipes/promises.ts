/** The common tests of all recipes. */

import type { Answer } from "../call";
import { expect, test } from "./fixtures";
import type { Site, Wanted } from "./site";

const SECURITY = [
  "content-security-policy",
  "x-content-type-options",
  "referrer-policy",
  "cross-origin-opener-policy",
  "cross-origin-resource-policy",
  "permissions-policy",
];

const JSON_ONLY = { accept: "application/json" };

/** Declares the tests that every recipe must pass. `hosts` are the hosts that it serves. */
export function promises(wanted: Wanted, hosts: string[]): void {
  test("errors and their pages arrive as Hardtack made them", async ({ serve }) => {
    await passesThrough(await serve(wanted));
  });

  // Caddy forwards such a body, and Hardtack refuses it.
  if (wanted.proxy === "nginx") {
    test("a body that is too large is refused", async ({ serve }) => {
      await refusesLargeBodies(await serve(wanted));
    });
  }

  test("while no node is there the proxy says when to come again, and that there is nothing but TLS", async ({ serve }) => {
    const site = await serve(wanted);
    for (const node of site.nodes) await node.stop();
    const away = await site.call(`${site.api}/api/session`, { method: "POST", headers: JSON_ONLY });
    expect(away.status).toBe(502);
    expect(away.all("retry-after")).toEqual(["1"]);
    expect(away.all("strict-transport-security")).toEqual(["max-age=31536000"]);
    expect(away.all("set-cookie")).toEqual([]);
  });

  test("a client cannot fake its address", async ({ serve }) => {
    await knowsTheClient(await serve(wanted));
  });

  test("plain http leads to https without a cookie", async ({ serve }) => {
    const site = await serve(wanted);
    for (const host of hosts) await leadsToHttps(site, host);
  });
}

/** Asserts that each security header is there once. */
export async function isCareful(site: Site, url: string): Promise<void> {
  const answer = await site.call(url);
  for (const name of SECURITY) expect(answer.all(name), `${name} of ${url}`).toHaveLength(1);
  expect(answer.all("strict-transport-security"), url).toEqual(["max-age=31536000"]);
}

/** The headers that a proxy adds or changes. */
const OWN = [
  ...["date", "server", "connection", "keep-alive", "transfer-encoding", "content-length"],
  "strict-transport-security",
];

function said({ lines }: Answer): string[] {
  const kept = lines.filter(([name]) => !OWN.includes(name));
  return kept.map((line) => withoutNonce(line.join(": "))).sort();
}

/** Removes the nonce, because it differs in each response. */
function withoutNonce(text: string): string {
  return text.replace(/nonce-[^']+/g, "nonce-").replace(/nonce="[^"]+"/g, 'nonce=""');
}

/** Asserts that a node's response arrives unchanged, except for the proxy's own headers. */
async function passesThrough(site: Site): Promise<void> {
  const [node] = site.nodes;
  const drowning = Array.from({ length: 100 }, (_, index) => `cookie-${index}=${"x".repeat(200)}`).join("; ");
  const json = { ...JSON_ONLY, "content-type": "application/json" };
  for (const [status, path, what] of [
    [404, "/nowhere", { headers: { accept: "text/html" } }],
    [404, "/api/nowhere", { headers: JSON_ONLY }],
    [404, "/pkg/nowhere.js", { headers: JSON_ONLY }],
    [403, "/api/visits", { method: "POST", headers: { ...json, origin: "https://evil.example" }, body: "{}" }],
    [409, "/api/session", { method: "POST", headers: json, body: `{"session":"${crypto.randomUUID()}"}` }],
    [415, "/api/session", { method: "POST", headers: { ...JSON_ONLY, "content-type": "text/plain" }, body: "x" }],
    // Without its larger buffers nginx would send its own error page, which does not remove the cookies.
    [431, "/", { headers: { accept: "text/html", cookie: drowning } }],
  ] as const) {
    const through = await site.call(site.api + path, what);
    const bare = await site.call(`http://127.0.0.1:${node.port}${path}`, what);
    expect(through.status, path).toBe(status);
    expect(withoutNonce(through.text), path).toBe(withoutNonce(bare.text));
    expect(said(through), path).toEqual(said(bare));
  }
}

/** Asserts that files arrive in the requested encoding and are immutable in caches. */
export async function keepsFiles(site: Site, origin: string, encodings: string[]): Promise<void> {
  const page = (await site.call(`${origin}/`)).text;
  const [script] = page.match(/\/pkg\/[^"]+\.js/) ?? [];
  const [wasm] = page.match(/\/pkg\/[^"]+\.wasm/) ?? [];
  for (const [path, type] of [
    [script, /javascript/],
    [wasm, /^application\/wasm$/],
  ] as const) {
    const plain = await site.call(origin + path, { headers: { "accept-encoding": "identity" } });
    expect(plain.status, path).toBe(200);
    for (const encoding of encodings) {
      const answer = await site.call(origin + path, { headers: { "accept-encoding": encoding } });
      expect(answer.one("content-encoding"), path).toBe(encoding);
      expect(answer.one("content-type"), path).toMatch(type);
      expect(answer.one("cache-control"), path).toBe("public, max-age=31536000, immutable");
      expect(answer.all("vary").join(), path).toMatch(/accept-encoding/i);
      expect(answer.body.length, path).toBeLessThan(plain.body.length);
    }
  }
}

/** Asserts that plain http only redirects to https, without a cookie. */
async function leadsToHttps(site: Site, host: string): Promise<void> {
  for (const method of ["GET", "POST"]) {
    const answer = await site.call(`http://${host}:${site.http}/api/visits?a=b`, { method });
    expect(answer.status).toBe(308);
    expect(answer.one("location")).toBe(`https://${host}/api/visits?a=b`);
    expect(answer.all("set-cookie")).toEqual([]);
  }
  expect(site.log).not.toContain('path="/api/visits"');
}

/** Asserts that the log has the address of the connection, not the one that the client claims. */
async function knowsTheClient(site: Site): Promise<void> {
  const lies = {
    "x-forwarded-for": "203.0.113.7",
    "x-real-ip": "203.0.113.7",
    forwarded: "for=203.0.113.7",
  };
  // From another address than the proxy's, because the proxy may name other addresses.
  await site.call(`${site.api}/api/session`, { headers: lies, from: "127.0.0.9" });
  await expect.poll(() => site.log).toContain('path="/api/session"');
  const [line] = site.log.split("\n").filter((line) => line.includes('path="/api/session"'));
  expect(line).toContain("client=127.0.0.9 ");
  expect(site.log).not.toContain("203.0.113.7");
}

/** Asserts that the proxy refuses a body that is too large, and lets the client read the response. */
async function refusesLargeBodies(site: Site): Promise<void> {
  const headers = { ...JSON_ONLY, "content-type": "application/json" };
  const body = `{"session":"${"x".repeat(100_000)}"}`;
  for (let turn = 0; turn < 5; turn += 1) {
    expect((await site.call(`${site.api}/api/session`, { method: "POST", headers, body })).status).toBe(413);
  }
  expect(site.log).not.toContain('path="/api/session"');
}
