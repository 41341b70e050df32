/** A program that a test starts beside itself, and that ends with it. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { setTimeout as pause } from "node:timers/promises";

const START_MS = 20_000;
const STOP_MS = 5_000;

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

  /** Ends it in order, or else at once; with SIGKILL as a crash would. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    process.off("exit", this.kill);
    const { child } = this;
    if (this.failure || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    const late = setTimeout(this.kill, STOP_MS);
    await ended;
    clearTimeout(late);
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

/** Asks an address with no authority trusted but the one in the file `ca`. */
export function ask(url: string, ca: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca: readFileSync(ca), agent: false, timeout: 2_000 }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk) => (text += chunk));
      answer.on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    asked.on("timeout", () => asked.destroy(new Error("no answer in time")));
    asked.on("error", reject);
    asked.end();
  });
}

/** Whether anything answers there, whatever it says. */
export function answers(url: string, ca: string): Promise<boolean> {
  return ask(url, ca).then(
    () => true,
    () => false,
  );
}
