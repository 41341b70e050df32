/** A file of deploy/, as somebody would use it, with nothing changed but names, ports and paths. */

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Authority } from "../authority";
import { nginxConf } from "../nginx";

const DEPLOY = resolve(__dirname, "../../deploy");

export type Kind = "same-origin" | "split" | "nodes";
export type ProxyName = "Caddy" | "nginx";

/** What stands in the place of that which the reader of a recipe has. */
export type Places = {
  http: number;
  https: number;
  /** The ports of the nodes. */
  nodes: number[];
  /** The exported pages. */
  pages: string;
  authority: Authority;
};

/** A text of the recipe, and what the test puts there. */
type Change = [text: string, instead: string];

/** A recipe in which a text is missing has changed: whoever changed it looks here too. */
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

/** The pages' origin, where the recipe names it to browsers. */
function origins(kind: Kind, { https }: Places): Change[] {
  return kind === "split" ? [["https://app.example.com", `https://app.example.com:${https}`]] : [];
}

/** Certificates come from the tests' authority; that, and the ports, are all that the added lines say. */
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

/** Within what Debian's nginx.conf puts around a site, as far as it matters. */
function nginxSite(recipe: string, kind: Kind, places: Places): string {
  const { certificate, key } = places.authority;
  const live = "/etc/letsencrypt/live/app.example.com";
  const site = changed(recipe, [
    ["listen 80;", `listen 127.0.0.1:${places.http};`],
    ["listen 443 ssl", `listen 127.0.0.1:${places.https} ssl`],
    // Not every machine has IPv6.
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

/** The recipe as it runs in the test. The variable RECIPES names another folder: a spoilt one is seen to fail. */
export async function recipe(proxy: ProxyName, kind: Kind, places: Places): Promise<string> {
  const file = proxy === "Caddy" ? `${kind}.Caddyfile` : `${kind}.nginx.conf`;
  const text = await readFile(join(process.env.RECIPES ?? DEPLOY, file), "utf8");
  return proxy === "Caddy" ? caddyfile(text, kind, places) : nginxSite(text, kind, places);
}
