/** The release under test. */

import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { isReady } from "./call";
import { Program } from "./program";

const checkout = resolve(__dirname, "..");

/** Whether RELEASE names it. Where others can be tested without it, they are. */
export const isNamed = Boolean(process.env.RELEASE);

/** Absolute: it runs in folders of its own. */
const program = resolve(
  process.env.RELEASE || join(process.env.CARGO_TARGET_DIR ?? join(checkout, "target"), "release/hardtack"),
);

/** Its environment: of its settings only these, none of the caller's. It has more patience: the machine may be busy. */
function settings(own: Record<string, string>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(HARDTACK|LEPTOS)_/.test(name));
  const usual = { HARDTACK_LEPTOS_SITE_ROOT: join(checkout, "target/site"), HARDTACK_STORE_TIMEOUT: "5s" };
  return { ...Object.fromEntries(inherited), ...usual, ...own };
}

/**
 * Starts it in a folder of its own, and waits until it is ready at its address.
 *
 * From there no Leptos.toml is read, and nothing is written into the checkout.
 */
export function serve(cwd: string, own: Record<string, string>, origin: string, ca?: string): Promise<Program> {
  return Program.start(program, ["serve"], { cwd, env: settings(own) }, () => isReady(origin, ca));
}

/** Runs one of its commands to the end and gives what it printed. */
export async function command(args: string[], cwd: string, own: Record<string, string> = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd, env: settings(own) });
  return stdout;
}
