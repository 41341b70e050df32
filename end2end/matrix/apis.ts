/** The servers that keep sessions for pages of another origin. */

import { join, resolve } from "node:path";
import type { Authority } from "../authority";
import { type Answer, type Call, call } from "../call";
import { command, serve } from "../hardtack";
import { onFreePort } from "../ports";
import { Program } from "../program";

export type Wanted = {
  /** The host name by which browsers call the API. */
  host: string;
  /** The only origin whose pages may use it. */
  frontEnd: string;
  /** The required cookie. Our server derives it. */
  cookie: "lax" | "partitioned" | "unpartitioned";
  /** An empty folder for its files. */
  folder: string;
  authority: Authority;
  /** More settings of our server, which depend on its URL. */
  more?: (url: string) => Promise<Record<string, string>>;
};

export type RunningApi = {
  url: string;
  /** Calls one of its paths without a browser. */
  call: (path: string, what?: Call) => Promise<Answer>;
  /** Returns the number of sessions in the store. */
  sessions: () => Promise<number>;
  stop: () => Promise<unknown>;
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
    const url = `https://${host}:${Number(server.said)}`;
    const ask = caller(url, authority);
    return {
      url,
      call: ask,
      sessions: async () => JSON.parse((await ask("/sessions")).text).live,
      stop: () => server.stop(),
    };
  },
};

export const HARDTACK: Api = {
  name: "Hardtack",
  cookie: "__Host-hardtack_sess",
  start: async ({ host, frontEnd, cookie, folder, authority, more }) => {
    if (cookie === "unpartitioned") throw new Error("our server partitions every cross-site cookie");
    return onFreePort(async (port) => {
      const url = `https://${host}:${port}`;
      const own = {
        HARDTACK_SITE_URL: url,
        HARDTACK_SITE_LISTEN: `127.0.0.1:${port}`,
        HARDTACK_SITE_FRONT_ENDS: frontEnd,
        HARDTACK_TLS_MODE: "files",
        HARDTACK_TLS_CERTIFICATE: authority.certificate,
        HARDTACK_TLS_KEY: authority.key,
        HARDTACK_STORE_URL: `sqlite:${join(folder, "hardtack.db")}`,
        ...(await more?.(url)),
      };
      const server = await serve(folder, own, url, authority.ca);
      return {
        url,
        call: caller(url, authority),
        sessions: async () => JSON.parse(await command(["sessions", "stats", "--json"], folder, own)).live,
        stop: () => server.stop(),
      };
    });
  },
};

function caller(url: string, { ca }: Authority): RunningApi["call"] {
  return (path, what) => call(url + path, { ca, ...what });
}
