/** The HTML of every page is valid: the Nu HTML Checker, which runs on Java, finds no error. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "../fixtures";
import { command } from "../hardtack";
import { comesBack, register, somebody } from "../people";

const CHECKER = resolve(__dirname, "../node_modules/vnu-jar/build/dist/vnu.jar");
const JAVA = ["/usr/bin/java", `${process.env.JAVA_HOME}/bin/java`].find((java) => existsSync(java));

type Message = { type: string; message: string; url: string; extract?: string };

/** Returns the checker's messages about files. One run for all, because it takes a second to start. */
async function check(files: string[]): Promise<Message[]> {
  const run = promisify(execFile)(JAVA ?? "java", ["-jar", CHECKER, "--format", "json", "--stdout", "--exit-zero-always", ...files], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse((await run).stdout).messages;
}

/** Leptos marks places by `<!>`, which browsers and the standard's parser treat as an empty comment. */
const isMarker = ({ message, extract }: Message) => message === "Bogus comment." && /<!>/.test(extract ?? "");

/** An exported page allows files of its own origin, and a file has no origin for the checker. */
const isOfFiles = ({ message, url }: Message) => /^Resource violates Content Security Policy/.test(message) && /\/files\//.test(url);

test("the Nu HTML Checker finds nothing on any page but Leptos' own markers", async ({ page, visitor, trouble }) => {
  test.skip(!JAVA, "Java is not installed");
  test.setTimeout(120_000);
  trouble.expect(/\b404\b/);
  const folder = await mkdtemp(join(tmpdir(), "hardtack-pages-"));
  try {
    const keep = (name: string, text: string) => writeFile(join(folder, `${name}.html`), text);
    const take = async (name: string, path: string) => keep(name, (await (await page.goto(path))?.text()) ?? "");
    for (const [name, path] of [["home", "/"], ["login", "/login?next=/devices"], ["register", "/register"], ["doctor", "/doctor"], ["nowhere", "/nowhere"]]) {
      await take(name, path);
    }
    const broken = { page: "https://app.example.com/", server: "http://localhost:3000/", plain: "failed" };
    const rest = { opaque: { answered: null }, credentialed: "skipped", repeats: [], json: "skipped", failing: "skipped", application: "skipped", rendered: null, nonce: "", now: 0 };
    const browser = { agent: "", cookies: true, policy_violated: false, local_network_denied: false };
    await take("report", `/doctor?tries=${encodeURIComponent(JSON.stringify({ ...rest, ...broken, browser }))}`);
    await register(page, somebody("Ada <b> & \"Co\""));
    for (const path of ["/", "/profile", "/devices", "/security"]) await take(`in${path.replace("/", "-")}`, path);
    const bare = await visitor({ javaScriptEnabled: false });
    await bare.goto("/login");
    await comesBack(bare, "/login", "/api/login", { username: "ada@example.com", password: "wrong" });
    await keep("wrong", await bare.content());
    const refused = await page.request.get("/api/nothing", { headers: { accept: "text/html" } });
    await keep("error", await refused.text());
    await command(["export", "--out", join(folder, "files")], folder);
    const exported = await readdir(join(folder, "files"), { recursive: true });
    const pages = [...(await readdir(folder)), ...exported.map((name) => join("files", name))].filter((name) => name.endsWith(".html"));
    expect(pages.length).toBeGreaterThan(17);
    const said = await check(pages.map((name) => join(folder, name)));
    expect(said.some(isMarker), "the checker has run").toBe(true);
    expect(said.filter((message) => !isMarker(message) && !isOfFiles(message))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
