/** A file of deploy/ as in production, with changed names, ports and paths only. */

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Authority } from "../authority";
import { nginxConf } from "../nginx";

const DEPLOY = resolve(__dirname, "../../deploy");

export type Kind = "same-origin" | "split" | "nodes";
export type ProxyName = "Caddy" | "nginx";

/** The values that replace the recipe's. */
export type Places = {
  http: number;
  https: number;
  /** The ports of the nodes. */
  nodes: number[];
  /** The exported pages. */
  pages: string;
  authority: Authority;
};

/** A text in the recipe, and its replacement. */
type Change = [text: string, instead: string];

/** Applies the changes. Throws if a text is missing, because the recipe has changed and this file must follow. */
export function changed(recipe: string, changes: Change[]): string {
  return changes.reduce((text, [old, fresh]) => {
    if (!text.includes(old)) throw new Error(`the recipe has no ${JSON.stringify(old)}`);
    return text.replaceAll(old, fresh);
  }, recipe);
}

function upstreams(kind: Kind, { nodes }: Places): Change[] {
  const written = kind === "nodes" ? ["10.0.0.11:3000", "10.0.0.12:3000"] : ["127.0.0.1:3000"];
  return written.map((address, index) => [address, `127.0.0.1:${nodes[index]}`]);
}

function folders(kind: Kind, { pages }: Places, directive: string): Change[] {
  return kind === "split" ? [[`${directive} /srv/hardtack/pages`, `${directive} ${pages}`]] : [];
}

/** Replaces the pages' origin. */
function origins(kind: Kind, { https }: Places): Change[] {
  return kind === "split" ? [["https://app.example.com", `https://app.example.com:${https}`]] : [];
}

/** The added lines set the certificate of the tests' authority and the ports. */
function caddyfile(recipe: string, kind: Kind, places: Places): string {
  const { certificate, key } = places.authority;
  const hosts = kind === "split" ? ["app.example.com", "api.example.com"] : ["app.example.com"];
  const options = `{
	admin off
	http_port ${places.http}
	https_port ${places.https}
	default_bind 127.0.0.1
	grace_period 100ms
	servers {
		protocols h1 h2
	}
}

`;
  const sites: Change[] = hosts.map((host) => [`\n${host} {\n`, `\n${host} {\n\ttls ${certificate} ${key}\n`]);
  return options + changed(recipe, [...sites, ...upstreams(kind, places), ...folders(kind, places, "root *"), ...origins(kind, places)]);
}

/** Adds the relevant parts of Debian's nginx.conf. */
function nginxSite(recipe: string, kind: Kind, places: Places): string {
  const { certificate, key } = places.authority;
  const live = "/etc/letsencrypt/live/app.example.com";
  const site = changed(recipe, [
    ["listen 80;", `listen 127.0.0.1:${places.http};`],
    ["listen 443 ssl", `listen 127.0.0.1:${places.https} ssl`],
    // IPv6 is left out, because some machines lack it.
    ["listen [::]:80;", ""],
    ["listen [::]:443 ssl http2;", ""],
    [`${live}/fullchain.pem`, certificate],
    [`${live}/privkey.pem`, key],
    ...upstreams(kind, places),
    ...folders(kind, places, "root"),
    ...origins(kind, places),
  ]);
  return nginxConf(`	sendfile on;
	tcp_nopush on;
	types_hash_max_size 2048;
	include /etc/nginx/mime.types;
	default_type application/octet-stream;
	gzip on;
${site}`);
}

/**
 * Returns the recipe for the test. The variable RECIPES names another folder, so that a broken recipe can be seen to
 * fail.
 */
export async function recipe(proxy: ProxyName, kind: Kind, places: Places): Promise<string> {
  const file = proxy === "Caddy" ? `${kind}.Caddyfile` : `${kind}.nginx.conf`;
  const text = await readFile(join(process.env.RECIPES ?? DEPLOY, file), "utf8");
  return proxy === "Caddy" ? caddyfile(text, kind, places) : nginxSite(text, kind, places);
}
