/** The release on a port and a data folder of its own, to be stopped and started at will. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve } from "./hardtack";
import { onFreePort } from "./ports";
import type { Program } from "./program";

export class Server {
  private running: Program | undefined;

  private constructor(
    readonly port: number,
    private readonly folder: string,
  ) {}

  /** Starts on a free port with an empty data folder. */
  static async start(): Promise<Server> {
    const folder = await mkdtemp(join(tmpdir(), "hardtack-"));
    try {
      return await onFreePort(async (port) => {
        const server = new Server(port, folder);
        await server.resume();
        return server;
      });
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get url(): string {
    return `http://localhost:${this.port}`;
  }

  /** Starts again on the same port and the same data, with further settings if there are. */
  async resume(more: Record<string, string> = {}): Promise<void> {
    const own = {
      HARDTACK_SITE_URL: this.url,
      ...more,
      HARDTACK_SITE_LISTEN: `127.0.0.1:${this.port}`,
      HARDTACK_STORE_URL: `sqlite:${join(this.folder, "hardtack.db")}`,
    };
    this.running = await serve(this.folder, own, this.url);
  }

  /** Ends it in order, to be started again. */
  async pause(): Promise<void> {
    await this.running?.stop();
    this.running = undefined;
  }

  /** Ends it as a crash would: no time to finish anything. */
  async kill(): Promise<void> {
    await this.running?.stop("SIGKILL");
    this.running = undefined;
  }

  /** Ends it in order, if it runs, takes its data away, and complains when it did not end well. */
  async stop(): Promise<void> {
    const status = (await this.running?.stop()) ?? 0;
    await rm(this.folder, { recursive: true, force: true });
    if (status !== 0) throw new Error(`the server ended with ${status} after SIGTERM:\n${this.running?.logged}`);
  }
}
