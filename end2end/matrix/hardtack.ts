/** Our own program, as the matrix runs it. */

import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const checkout = resolve(__dirname, "../..");

/** The program under test; none when it is not to take part. Absolute: it runs in folders of its own. */
export const program = process.env.RELEASE && resolve(process.env.RELEASE);

/** The environment of the program: of its settings only these, none of the caller's. */
export function settings(own: Record<string, string>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(HARDTACK|LEPTOS)_/.test(name));
  return { ...Object.fromEntries(inherited), HARDTACK_LEPTOS_SITE_ROOT: join(checkout, "target/site"), ...own };
}

/** Runs one of its commands to the end and gives what it printed. */
export async function command(args: string[], cwd: string, own: Record<string, string> = {}): Promise<string> {
  if (!program) throw new Error("RELEASE names no program");
  const { stdout } = await promisify(execFile)(program, args, { cwd, env: settings(own) });
  return stdout;
}
