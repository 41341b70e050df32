/** A node: the release, which speaks plain http to the proxy before it. */

import { execFile } from "node:child_process";
import { request } from "node:http";
import { promisify } from "node:util";
import { settings } from "../matrix/hardtack";
import { Program } from "../program";
import { program } from "../server";

export class Node {
  private running: Program | undefined;
  private before = "";

  constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly own: Record<string, string>,
  ) {}

  /** Starts it, or starts it again on what it has kept. */
  async start(): Promise<void> {
    const env = settings({ ...this.own, HARDTACK_SITE_LISTEN: `127.0.0.1:${this.port}`, HARDTACK_LOG_LEVEL: "info" });
    const ready = () => isReady(this.port);
    this.running = await Program.start(program, ["serve"], { cwd: this.folder, env }, ready);
  }

  /** Everything that it has logged. */
  get log(): string {
    return this.before + (this.running?.logged ?? "");
  }

  async stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.running?.stop(signal);
    this.before = this.log;
    this.running = undefined;
  }
}

/** Runs a command of the release to its end. */
export async function command(args: string[], cwd: string, own: Record<string, string> = {}): Promise<void> {
  await promisify(execFile)(program, args, { cwd, env: settings(own) });
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, path: "/readyz", agent: false, timeout: 2_000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(false));
    asked.end();
  });
}
