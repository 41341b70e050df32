/** A program that a test starts beside itself, and that ends with it. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

const START_MS = 20_000;
/** Longer than the grace that a server gives its connections. */
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
    // A worker that is ended in the midst of a test leaves nothing running.
    process.once("exit", this.kill);
  }

  /** Starts it and waits until it is ready; one that ends before, or takes too long, is an error with its words. */
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

  /** What it has written to its standard output. */
  get said(): string {
    return this.out;
  }

  /** What it has written to its standard error. */
  get logged(): string {
    return this.err;
  }

  /** Ends it in order, or else at once; with SIGKILL as a crash would. Gives its status, or the signal that ended it. */
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
      // Asked first: what answers in place of one that ended is another program.
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
