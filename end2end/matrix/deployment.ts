/** A front end and an API on separate origins. */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Authority } from "../authority";
import { Caddy } from "../caddy";
import type { RunningApi, Wanted } from "./apis";
import type { Pair } from "./pairs";

export type Place = { page: string; api: string; cookie: Wanted["cookie"] };

/** The relations of the two origins. */
export const places = {
  /** One host and two ports: two origins of one site. */
  ports: { page: "localhost", api: "localhost", cookie: "lax" },
  /** Two hosts of one site. */
  hosts: { page: "app.example.com", api: "api.example.com", cookie: "lax" },
  /** Two sites. */
  sites: { page: "app.example.com", api: "api.example.org", cookie: "partitioned" },
} satisfies Record<string, Place>;

export class Deployment {
  private constructor(
    readonly pair: Pair,
    readonly place: Place,
    readonly api: RunningApi,
    private readonly caddy: Caddy,
    private readonly folder: string,
  ) {}

  static async start(pair: Pair, place: Place, authority: Authority): Promise<Deployment> {
    const folder = await mkdtemp(join(tmpdir(), "hardtack-matrix-"));
    const [pages, caddys, apis] = ["pages", "caddy", "api"].map((name) => join(folder, name));
    await mkdir(caddys);
    await mkdir(apis);
    const started: { stop: () => Promise<unknown> }[] = [];
    try {
      // Each must know the port of the other, so Caddy starts before its folder exists.
      const caddy = await Caddy.start(pages, caddys, authority);
      started.push(caddy);
      const frontEnd = `https://${place.page}:${caddy.port}`;
      const wanted = { host: place.api, frontEnd, cookie: place.cookie, folder: apis, authority };
      const api = await pair.api.start(wanted);
      started.push(api);
      await pair.frontEnd.build(pages, api.url);
      return new Deployment(pair, place, api, caddy, folder);
    } catch (error) {
      for (const one of started) await one.stop();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Returns the listed origin. */
  get origin(): string {
    return this.originAt(this.place.page);
  }

  /** Returns another origin of the same pages, by another host name. */
  originAt(host: string): string {
    return `https://${host}:${this.caddy.port}`;
  }

  async stop(): Promise<void> {
    await this.api.stop();
    await this.caddy.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
