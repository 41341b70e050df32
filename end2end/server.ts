/** The release under test: started on a port and a data folder of its own, and stopped again. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const checkout = resolve(__dirname, "..");

/** The release under test. Absolute: it runs in folders of its own. */
export const program = resolve(
  process.env.RELEASE ?? join(process.env.CARGO_TARGET_DIR ?? join(checkout, "target"), "release/hardtack"),
);

const START_MS = 20_000;
const STOP_MS = 10_000;

/** A port that was free a moment ago. The address is part of the settings, so the server cannot choose it itself. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** What the environment says to the server: nothing of the caller's settings, only these. */
function settings(port: number, folder: string): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(HARDTACK|LEPTOS)_/.test(name));
  return {
    ...Object.fromEntries(inherited),
    HARDTACK_SITE_LISTEN: `127.0.0.1:${port}`,
    HARDTACK_SITE_URL: `http://localhost:${port}`,
    HARDTACK_STORE_URL: `sqlite:${join(folder, "hardtack.db")}`,
    HARDTACK_LEPTOS_SITE_ROOT: join(checkout, "target/site"),
  };
}

export class Server {
  private child: ChildProcess | undefined;
  private said = "";

  private constructor(
    readonly port: number,
    private readonly folder: string,
  ) {}

  /** Starts on a free port with an empty data folder. */
  static async start(): Promise<Server> {
    const folder = await mkdtemp(join(tmpdir(), "hardtack-"));
    let last: unknown;
    // Another program may take the port between the look and the start.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const server = new Server(await freePort(), folder);
      try {
        await server.resume();
        return server;
      } catch (error) {
        last = error;
      }
    }
    await rm(folder, { recursive: true, force: true });
    throw last;
  }

  get url(): string {
    return `http://localhost:${this.port}`;
  }

  /** Everything that the server has logged. */
  get log(): string {
    return this.said;
  }

  /** Starts again on the same port and the same data. */
  async resume(): Promise<void> {
    // From its own folder: no Leptos.toml is read and nothing is written into the checkout.
    const child = spawn(program, [], {
      cwd: this.folder,
      env: settings(this.port, this.folder),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child = child;
    let failure: Error | undefined;
    child.once("error", (error) => (failure = error));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk) => (this.said += chunk));
    }
    process.once("exit", () => child.kill("SIGKILL"));

    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline) {
      if (failure) throw failure;
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${this.said}`);
      if (await this.isReady()) return;
      await pause(50);
    }
    await this.kill();
    throw new Error(`the server was not ready in ${START_MS} ms:\n${this.said}`);
  }

  private async isReady(): Promise<boolean> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.port}/readyz`, { signal: AbortSignal.timeout(2_000) });
      await answer.arrayBuffer();
      return answer.ok;
    } catch {
      return false;
    }
  }

  /** Ends it as a crash would: no time to finish anything. */
  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  /** Ends it in order, takes its data away, and complains when it did not end well. */
  async stop(): Promise<void> {
    const status = await this.end("SIGTERM");
    await rm(this.folder, { recursive: true, force: true });
    if (status !== 0) throw new Error(`the server ended with ${status} after SIGTERM:\n${this.said}`);
  }

  private async end(signal: NodeJS.Signals): Promise<number | string | null> {
    const child = this.child;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return 0;
    const ended = once(child, "exit");
    child.kill(signal);
    const inTime = await Promise.race([ended.then(() => true), pause(STOP_MS, false, { ref: false })]);
    if (!inTime) {
      child.kill("SIGKILL");
      await ended;
      return `nothing in ${STOP_MS} ms`;
    }
    return child.exitCode ?? child.signalCode;
  }
}
