/** A running recipe: the proxy and the servers behind it. */

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type Authority, homeAt } from "../authority";
import { type Answer, answers, type Call, call } from "../call";
import { command } from "../hardtack";
import { nginxArguments } from "../nginx";
import { freePort, isTaken, onFreePort } from "../ports";
import { Program } from "../program";
import { Node } from "./node";
import { type Kind, type ProxyName, recipe } from "./recipe";
import { Visitor } from "./visitor";

/**
 * Returns the path of a program, or nothing if it is not installed. Debian has servers in a folder that is only on
 * root's PATH.
 */
export function find(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

export type Wanted = {
  proxy: ProxyName;
  kind: Kind;
  /** The ports of other servers that replace the nodes. */
  instead?: number[];
};

export class Site {
  readonly nodes: Node[] = [];
  /** The store that the nodes share. */
  redis: Program | undefined;
  private readonly started: { stop: () => Promise<unknown> }[] = [];

  private constructor(
    readonly kind: Kind,
    readonly http: number,
    readonly https: number,
    private readonly folder: string,
    private readonly authority: Authority,
  ) {}

  static async start(wanted: Wanted, authority: Authority): Promise<Site> {
    return onFreePort(async (https) => {
      const folder = await mkdtemp(join(tmpdir(), "hardtack-recipe-"));
      const site = new Site(wanted.kind, await freePort(), https, folder, authority);
      try {
        const ports = wanted.instead ?? (await site.startNodes());
        await site.startProxy(wanted.proxy, ports);
        return site;
      } catch (error) {
        await site.stop();
        throw error;
      }
    });
  }

  /** Returns the origin of the pages. */
  get origin(): string {
    return `https://app.example.com:${this.https}`;
  }

  /** Returns the origin of the API. */
  get api(): string {
    return this.kind === "split" ? `https://api.example.com:${this.https}` : this.origin;
  }

  /** Returns the folder of the exported pages. */
  get pages(): string {
    return join(this.folder, "pages");
  }

  /** Returns the log of all nodes. */
  get log(): string {
    return this.nodes.map(({ log }) => log).join("");
  }

  /** Calls a URL through the proxy, or as the options say. */
  call(url: string, what?: Call): Promise<Answer> {
    return call(url, { ca: this.authority.ca, ...what });
  }

  visitor(): Visitor {
    return new Visitor(this.api, this.authority.ca);
  }

  /** Stops everything in reverse order. */
  async stop(): Promise<void> {
    for (const one of this.started.reverse()) await one.stop();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  private async startNodes(): Promise<number[]> {
    const shared: Record<string, string> = {
      HARDTACK_SITE_URL: this.api,
      HARDTACK_SITE_TRUSTED_PROXIES: "127.0.0.1",
    };
    if (this.kind === "split") {
      shared.HARDTACK_SITE_FRONT_ENDS = this.origin;
      await command(["export", "--out", this.pages, "--api", this.api], this.folder, shared);
    }
    if (this.kind === "nodes") {
      const key = join(this.folder, "session.key");
      await writeFile(key, randomBytes(32).toString("hex"), { mode: 0o600 });
      shared.HARDTACK_SESSION_KEYS = key;
      shared.HARDTACK_STORE_URL = await this.startRedis();
      // A file is enough for the accounts, which Redis does not store, because both nodes are on this machine.
      shared.HARDTACK_ACCOUNTS_DATABASE = `sqlite:${join(this.folder, "accounts.db")}`;
      shared.HARDTACK_STORE_MIGRATE = "false";
      await command(["migrate"], this.folder, shared);
    }
    for (const name of this.kind === "nodes" ? ["node-1", "node-2"] : ["node"]) {
      const folder = join(this.folder, name);
      await mkdir(folder);
      const store = { HARDTACK_STORE_URL: `sqlite:${join(folder, "hardtack.db")}` };
      const node = new Node(await freePort(), folder, { ...store, ...shared });
      this.started.push(node);
      await node.start();
      this.nodes.push(node);
    }
    return this.nodes.map(({ port }) => port);
  }

  private async startRedis(): Promise<string> {
    const port = await freePort();
    const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    const ready = ({ said }: Program) => said.includes("Ready to accept connections");
    const surroundings = { cwd: this.folder, env: homeAt(this.folder) };
    this.redis = await Program.start(find("redis-server") ?? "redis-server", args, surroundings, ready);
    this.started.push(this.redis);
    return `redis://127.0.0.1:${port}`;
  }

  private async startProxy(proxy: ProxyName, nodes: number[]): Promise<void> {
    const { http, https, pages, authority } = this;
    const folder = join(this.folder, "proxy");
    await mkdir(folder);
    const file = join(folder, "recipe");
    await writeFile(file, await recipe(proxy, this.kind, { http, https, nodes, pages, authority }));
    const [name, args] =
      proxy === "Caddy"
        ? ["caddy", ["run", "--adapter", "caddyfile", "--config", file]]
        : ["nginx", nginxArguments(folder, file)];
    const ready = async () => (await answers(`https://app.example.com:${https}/healthz`, authority.ca)) && isTaken(http);
    const surroundings = { cwd: folder, env: homeAt(folder) };
    this.started.push(await Program.start(find(name) ?? name, args, surroundings, ready));
  }
}
