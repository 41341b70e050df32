/** A child process of a test, which ends with the test. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

const START_MS = 20_000;
/** Longer than the server's grace period for open connections. */
const STOP_MS = 20_000;

export type Surroundings = { cwd: string; env: NodeJS.ProcessEnv };

export class Program {
  private out = "";
  private err = "";
  private failure: Error | undefined;
  private readonly kill = () => this.child.kill("SIGKILL");

  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
  ) {
    child.once("error", (error) => (this.failure = error));
    child.stdout?.on("data", (chunk) => (this.out += chunk));
    child.stderr?.on("data", (chunk) => (this.err += chunk));
    // A worker that is stopped in the middle of a test must leave no process running.
    process.once("exit", this.kill);
  }

  /** Starts the program and waits until it is ready. Throws with its output if it ends before or takes too long. */
  static async start(
    command: string,
    args: string[],
    { cwd, env }: Surroundings,
    ready: (program: Program) => boolean | Promise<boolean>,
  ): Promise<Program> {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const program = new Program(command, child);
    try {
      await program.until(ready);
      return program;
    } catch (error) {
      await program.stop();
      throw error;
    }
  }

  /** Returns its standard output so far. */
  get said(): string {
    return this.out;
  }

  /** Returns its standard error so far. */
  get logged(): string {
    return this.err;
  }

  /**
   * Stops it gracefully, or kills it after a time, or kills it at once with SIGKILL. Returns its exit status, or the
   * signal that ended it.
   */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<number | NodeJS.Signals | null> {
    process.off("exit", this.kill);
    const { child } = this;
    if (!this.failure && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill(signal);
      const late = setTimeout(this.kill, STOP_MS);
      await ended;
      clearTimeout(late);
    }
    return child.exitCode ?? child.signalCode;
  }

  private async until(ready: (program: Program) => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + START_MS;
    for (;;) {
      const { exitCode, signalCode } = this.child;
      if (this.failure) throw this.failure;
      // Checked first, because after an early end another program may respond on the port.
      if (exitCode !== null || signalCode !== null) throw this.complaint(`ended with ${exitCode ?? signalCode}`);
      if (await ready(this)) return;
      if (Date.now() > deadline) throw this.complaint(`was not ready in ${START_MS} ms`);
      await pause(20);
    }
  }

  private complaint(what: string): Error {
    return new Error(`${this.name} ${what}:\n${this.out}${this.err}`);
  }
}
