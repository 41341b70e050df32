/** A page and a server with a fault, and the doctor's results for them. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as plain, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as secure } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Authority, homeAt } from "../authority";
import { Caddy, OPTIONS } from "../caddy";
import { answers } from "../call";
import { examination } from "../doctor";
import { command, serve } from "../hardtack";
import { nginxArguments, nginxConf } from "../nginx";
import { isTaken, onFreePort } from "../ports";
import { Program } from "../program";
import { test as base, expect, type Page } from "./fixtures";

export { expect };

export type Case = {
  /** Scheme and host of the page, and of the server as browsers call it. The ports are free ones. */
  page: string;
  server: string;
  /** The page is the server's own. */
  own?: boolean;
  /** The page is one of our exported pages. */
  exported?: boolean;
  /** The port of the page, if it must be known in advance. */
  pagePort?: number;
  /** The path of the page. */
  path?: string;
  /** The browser does not know the authority of the server's certificate. */
  untrusted?: boolean;
  /** The page has a copy of the script, because it cannot load it from the server. */
  copy?: boolean;
  /** The origin that the server lists, if it is not the page's. */
  listed?: string;
  /** The scheme in the server's settings. */
  believes?: "http" | "https";
  /** A script that the page runs first. */
  script?: string;
  /** Headers of the page, such as its policy. */
  headers?: Record<string, string>;
  /** A cookie that the page sets. */
  setsCookie?: string;
  /** A service worker that repeats its first response. */
  worker?: boolean;
  /** Caddy's directives before the request is forwarded, and those of the forwarding. */
  proxy?: string;
  upstream?: string;
  /** Directives of nginx, which replaces Caddy. */
  nginx?: string;
  /** Sessions in memory, and the number of servers. */
  memory?: boolean;
  nodes?: number;
  settings?: Record<string, string>;
};

type Verdict = { errors: string[]; warnings: string[]; broken: string[] };

const SCRIPT = resolve(__dirname, "../../src/server/doctor.js");

const WORKER = `
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  if (event.request.method !== "GET" || !event.request.url.includes("/api/doctor/echo")) return;
  const old = caches.open("old").then(async (cache) => {
    const known = await cache.match(event.request, { ignoreSearch: true, ignoreVary: true });
    if (known) return known;
    const answer = await fetch(event.request);
    await cache.put(event.request, answer.clone());
    return answer;
  });
  event.respondWith(old);
});
`;

export class Examined {
  private readonly stops: (() => Promise<unknown>)[] = [];
  private nodes: { env: Record<string, string>; folder: string; program: Program }[] = [];
  private origin = "";
  /** The server's origin as browsers call it. */
  server = "";
  private key = "";
  private hasLost = false;

  private constructor(
    private readonly page: Page,
    private readonly what: Case,
    private readonly authority: Authority,
    private readonly folder: string,
  ) {}

  static async start(page: Page, what: Case, authority: Authority): Promise<Examined> {
    return onFreePort(async (port) => {
      const folder = await mkdtemp(join(tmpdir(), "hardtack-examined-"));
      const examined = new Examined(page, what, authority, folder);
      try {
        await examined.startAll(port);
        return examined;
      } catch (error) {
        await examined.stop();
        throw error;
      }
    });
  }

  /** Opens the page, tests the browser, and returns the results. */
  async run(): Promise<Verdict> {
    const { page } = this;
    const isReport = (url: URL) => url.origin === this.server && url.searchParams.has("tries");
    const report = page.waitForRequest((request) => isReport(new URL(request.url())));
    if (this.hasLost) {
      // The script may be requested from the stopped server, so this is repeated.
      const load = async () => {
        const script = page.waitForResponse(`${this.server}/doctor.js`);
        await this.open();
        return (await script).status();
      };
      await expect.poll(load).toBe(200);
    } else {
      await this.open();
    }
    if (this.what.own || this.what.exported) await examination(page).click();
    const asked = await report;
    if (this.hasLost) {
      // The same for the page of the report.
      const load = async () => (await page.goto(asked.url()).catch(() => undefined))?.status();
      await expect.poll(load).toBe(200);
    } else {
      await page.waitForURL(isReport);
    }
    await expect(page.getByRole("heading", { name: "Text report" })).toBeVisible();
    const codes = async (severity: string) =>
      (await page.locator(`.severity.${severity}`).allTextContents()).map((text) => text.split(" ")[0]);
    const broken = await page.locator(".hops .bad > span:last-child").evaluateAll((hops) =>
      // Without the text for screen readers and without the reason.
      hops.map((hop) => [...hop.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent).join("")),
    );
    return { errors: await codes("error"), warnings: await codes("warning"), broken };
  }

  async open(): Promise<void> {
    const { own, exported, worker, path } = this.what;
    await this.page.goto(own ? `${this.server}/doctor` : `${this.origin}${exported ? "/doctor/" : (path ?? "/")}`);
    if (!worker) return;
    await this.page.evaluate(async () => {
      await navigator.serviceWorker.register("/worker.js");
      await navigator.serviceWorker.ready;
      await new Promise((done) => (navigator.serviceWorker.controller ? done(0) : navigator.serviceWorker.addEventListener("controllerchange", done)));
    });
    await this.page.evaluate((src) => void document.head.append(Object.assign(document.createElement("script"), { src })), `${this.server}/doctor.js`);
  }

  /** Begins a session as the page's own call would. */
  async begin(): Promise<void> {
    const at = this.what.own ? `${this.server}/doctor` : `${this.origin}/blank`;
    await this.page.goto(at);
    const begun = await this.page.evaluate(async (url) => {
      const headers = { "content-type": "application/json" };
      return (await fetch(url, { method: "POST", credentials: "include", headers, body: "{}" })).status;
    }, `${this.server}/api/visits`);
    expect(begun).toBe(200);
  }

  /** Restarts the servers. */
  async restart(): Promise<void> {
    for (const node of this.nodes) {
      await node.program.stop();
      node.program = await this.node(node.folder, node.env);
    }
  }

  /** Stops one of several servers without telling the proxy. */
  async lose(number: number): Promise<void> {
    this.hasLost = true;
    const [gone] = this.nodes.splice(number, 1);
    await gone.program.stop();
  }

  /** Stops the servers for good. The pages stay. */
  async leave(): Promise<void> {
    for (const { program } of this.nodes) await program.stop();
    this.nodes = [];
    await this.stops.pop()?.();
  }

  async stop(): Promise<void> {
    for (const { program } of this.nodes) await program.stop();
    for (const stop of this.stops.reverse()) await stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async startAll(port: number): Promise<void> {
    const { what, folder } = this;
    this.server = `${what.server}:${port}`;
    if (what.exported) await this.exportPages();
    else if (!what.own) await this.servePages();
    this.key = join(folder, "key");
    await writeFile(this.key, randomBytes(32).toString("hex"), { mode: 0o600 });
    const ports: number[] = [];
    for (let node = 0; node < (what.nodes ?? 1); node += 1) ports.push(await this.startNode(node));
    if (what.exported) {
      await command(["export", "--out", join(folder, "pages"), "--api", this.server], folder, {
        HARDTACK_SITE_URL: this.server,
        HARDTACK_SITE_INSECURE: `${this.server.startsWith("http:")}`,
        HARDTACK_DOCTOR_ENABLED: "true",
      });
    }
    this.stops.push(await (what.nginx ? this.startNginx(port, ports[0], what.nginx) : this.startProxy(port, ports)));
  }

  private async startNode(number: number): Promise<number> {
    const { what } = this;
    const folder = join(this.folder, `node-${number}`);
    await mkdir(folder);
    return onFreePort(async (port) => {
      const url = what.believes ? this.server.replace(/^https?/, what.believes) : this.server;
      const listed = what.listed ?? this.origin;
      const env = {
        HARDTACK_SITE_URL: url,
        HARDTACK_SITE_LISTEN: `127.0.0.1:${port}`,
        HARDTACK_SITE_INSECURE: url.startsWith("http:") ? "true" : "false",
        HARDTACK_SITE_FRONT_ENDS: what.own ? "" : listed,
        HARDTACK_SESSION_KEYS: this.key,
        HARDTACK_STORE_URL: what.memory ? "memory:" : `sqlite:${join(folder, "hardtack.db")}`,
        HARDTACK_DOCTOR_ENABLED: "true",
        ...what.settings,
      };
      this.nodes.push({ env, folder, program: await this.node(folder, env) });
      return port;
    });
  }

  private node(folder: string, env: Record<string, string>): Promise<Program> {
    return serve(folder, env, `http://${env.HARDTACK_SITE_LISTEN}`);
  }

  /** Starts Caddy with a common configuration. */
  private async startProxy(port: number, nodes: number[]): Promise<() => Promise<unknown>> {
    const { what, authority } = this;
    const folder = join(this.folder, "proxy");
    await mkdir(folder);
    const https = what.server.startsWith("https:");
    const file = join(folder, "Caddyfile");
    await writeFile(
      file,
      `${OPTIONS}
${https ? "https" : "http"}://:${port} {
	bind 127.0.0.1
	${https ? `tls ${what.untrusted ? "internal" : `${authority.certificate} ${authority.key}`}` : ""}
	${what.proxy ?? ""}
	reverse_proxy ${nodes.map((node) => `127.0.0.1:${node}`).join(" ")} {
		lb_policy round_robin
		${what.upstream ?? ""}
	}
}
`,
    );
    const args = ["run", "--adapter", "caddyfile", "--config", file];
    const trusted = https && !what.untrusted ? `https://localhost:${port}/` : undefined;
    // The certificate of Caddy's own authority is not trusted here, so only the port can be checked.
    const ready = () => (trusted || !https ? answers(trusted ?? `http://localhost:${port}/`, authority.ca) : isTaken(port));
    const caddy = await Program.start("caddy", args, { cwd: folder, env: homeAt(folder) }, ready);
    return () => caddy.stop();
  }

  /** Starts nginx with a cache. */
  private async startNginx(port: number, node: number, directives: string): Promise<() => Promise<unknown>> {
    const { authority } = this;
    const folder = join(this.folder, "proxy");
    await mkdir(folder);
    const file = join(folder, "nginx.conf");
    const http = `	proxy_cache_path cache keys_zone=kept:1m;
	server {
		listen 127.0.0.1:${port} ssl;
		ssl_certificate ${authority.certificate};
		ssl_certificate_key ${authority.key};
		location / {
			proxy_pass http://127.0.0.1:${node};
			${directives}
		}
	}`;
    await writeFile(file, nginxConf(http));
    const ready = () => answers(`https://localhost:${port}/`, authority.ca);
    const nginx = await Program.start("nginx", nginxArguments(folder, file), { cwd: folder, env: homeAt(folder) }, ready);
    return () => nginx.stop();
  }

  private async exportPages(): Promise<void> {
    const [pages, folder] = ["pages", "pages-caddy"].map((name) => join(this.folder, name));
    await mkdir(folder);
    const caddy = await Caddy.start(pages, folder, this.authority);
    this.stops.push(() => caddy.stop());
    this.origin = `${this.what.page}:${caddy.port}`;
  }

  private async servePages(): Promise<void> {
    const { what, authority } = this;
    const script = await readFile(SCRIPT);
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      const send = (type: string, body: string | Buffer) => response.writeHead(200, { "content-type": type }).end(body);
      if (request.url === "/worker.js") return send("text/javascript", WORKER);
      if (request.url === "/doctor.js") return send("text/javascript", script);
      if (request.url !== (what.path ?? "/")) return send("text/html", "<!doctype html><title>Blank</title>");
      for (const [name, value] of Object.entries(what.headers ?? {})) response.setHeader(name, value);
      if (what.setsCookie) response.setHeader("set-cookie", what.setsCookie);
      send("text/html", this.html());
    };
    const https = what.page.startsWith("https:");
    const [key, cert] = [await readFile(authority.key), await readFile(authority.certificate)];
    const server = (https ? secure({ key, cert }, answer) : plain(answer)).listen(what.pagePort ?? 0, "127.0.0.1");
    await once(server, "listening");
    this.stops.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    this.origin = `${what.page}:${(server.address() as AddressInfo).port}`;
  }

  private html(): string {
    const { what, server } = this;
    const api = what.copy ? `<meta name="hardtack-api" content="${server}">` : "";
    const src = what.copy ? "/doctor.js" : `${server}/doctor.js`;
    const script = what.worker ? "" : `<script src="${src}"></script>`;
    return `<!doctype html><title>A page</title>${api}<script>${what.script ?? ""}</script>${script}`;
  }
}

type Fixtures = {
  /** Starts a case, which is stopped when the test ends. */
  examine: (what: Case) => Promise<Examined>;
};

export const test = base.extend<Fixtures>({
  examine: async ({ page, authority, trouble }, use) => {
    // The errors of the deliberate faults are not the subject of these tests.
    trouble.expect(/./);
    let examined: Examined | undefined;
    await use(async (what) => (examined = await Examined.start(page, what, authority)));
    await page.goto("about:blank");
    await examined?.stop();
  },
});
