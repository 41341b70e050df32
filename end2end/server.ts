/** The release on a separate port with a separate data folder, which a test may stop and start. */

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

  /** Restarts on the same port with the same data, and with more settings if given. */
  async resume(more: Record<string, string> = {}): Promise<void> {
    const own = {
      HARDTACK_SITE_URL: this.url,
      ...more,
      HARDTACK_SITE_LISTEN: `127.0.0.1:${this.port}`,
      HARDTACK_STORE_URL: `sqlite:${join(this.folder, "hardtack.db")}`,
    };
    this.running = await serve(this.folder, own, this.url);
  }

  /** Stops the server gracefully, so that it can be restarted. */
  async pause(): Promise<void> {
    await this.running?.stop();
    this.running = undefined;
  }

  /** Kills the server as a crash would. */
  async kill(): Promise<void> {
    await this.running?.stop("SIGKILL");
    this.running = undefined;
  }

  /** Stops the server if it runs, removes its data, and throws if its exit status was not 0. */
  async stop(): Promise<void> {
    const status = (await this.running?.stop()) ?? 0;
    await rm(this.folder, { recursive: true, force: true });
    if (status !== 0) throw new Error(`the server ended with ${status} after SIGTERM:\n${this.running?.logged}`);
  }
}
