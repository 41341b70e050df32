/** The servers that keep sessions for pages of another origin. */

import { join, resolve } from "node:path";
import type { Authority } from "../authority";
import { ask, Program } from "../program";
import { freePort } from "../server";
import { command, program, settings } from "./hardtack";

export type Wanted = {
  /** The name by which browsers call the API. */
  host: string;
  /** The one origin whose pages may use it. */
  frontEnd: string;
  /** What the cookie must be. Ours finds it out by itself. */
  cookie: "lax" | "partitioned" | "unpartitioned";
  /** An empty folder for whatever it keeps. */
  folder: string;
  authority: Authority;
};

export type RunningApi = {
  url: string;
  /** How many sessions the store holds. */
  sessions: () => Promise<number>;
  stop: () => Promise<void>;
};

export type Api = {
  name: string;
  cookie: string;
  start: (wanted: Wanted) => Promise<RunningApi>;
};

const FIXTURE = resolve(__dirname, "../fixtures/express/server.mjs");

export const EXPRESS: Api = {
  name: "Express",
  cookie: "__Host-express_sess",
  start: async ({ host, frontEnd, cookie, folder, authority }) => {
    const env = {
      ...process.env,
      PORT: "0",
      KEY: authority.key,
      CERT: authority.certificate,
      ORIGIN: frontEnd,
      NAME: EXPRESS.cookie,
      SAME_SITE: cookie === "lax" ? "lax" : "none",
      PARTITIONED: cookie === "unpartitioned" ? "no" : "yes",
    };
    const listens = ({ said }: Program) => said.includes("\n");
    const server = await Program.start(process.execPath, [FIXTURE], { cwd: folder, env }, listens);
    const port = Number(server.said);
    return {
      url: `https://${host}:${port}`,
      sessions: async () => JSON.parse((await ask(`https://localhost:${port}/sessions`, authority.ca)).text).live,
      stop: () => server.stop(),
    };
  },
};

export const HARDTACK: Api = {
  name: "Hardtack",
  cookie: "__Host-hardtack_sess",
  start: async ({ host, frontEnd, cookie, folder, authority }) => {
    if (!program) throw new Error("RELEASE names no program");
    if (cookie === "unpartitioned") throw new Error("ours partitions every cookie that crosses sites");
    const port = await freePort();
    const own = {
      HARDTACK_SITE_URL: `https://${host}:${port}`,
      HARDTACK_SITE_LISTEN: `127.0.0.1:${port}`,
      HARDTACK_SITE_FRONT_ENDS: frontEnd,
      HARDTACK_TLS_MODE: "files",
      HARDTACK_TLS_CERTIFICATE: authority.certificate,
      HARDTACK_TLS_KEY: authority.key,
      HARDTACK_STORE_URL: `sqlite:${join(folder, "hardtack.db")}`,
    };
    const ready = () =>
      ask(`https://localhost:${port}/readyz`, authority.ca).then(
        ({ status }) => status === 200,
        () => false,
      );
    const server = await Program.start(program, ["serve"], { cwd: folder, env: settings(own) }, ready);
    return {
      url: own.HARDTACK_SITE_URL,
      sessions: async () => JSON.parse(await command(["sessions", "stats", "--json"], folder, own)).live,
      stop: () => server.stop(),
    };
  },
};
