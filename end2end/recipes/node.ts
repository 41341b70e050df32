/** A node: the release on plain http, behind the proxy. */

import { serve } from "../hardtack";
import type { Program } from "../program";

export class Node {
  private running: Program | undefined;
  private before = "";

  constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly own: Record<string, string>,
  ) {}

  /** Starts the node, or restarts it with its data. */
  async start(): Promise<void> {
    const listen = `127.0.0.1:${this.port}`;
    const own = { ...this.own, HARDTACK_SITE_LISTEN: listen, HARDTACK_LOG_LEVEL: "info" };
    this.running = await serve(this.folder, own, `http://${listen}`);
  }

  /** Returns its log of all runs. */
  get log(): string {
    return this.before + (this.running?.logged ?? "");
  }

  async stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.running?.stop(signal);
    this.before = this.log;
    this.running = undefined;
  }
}
