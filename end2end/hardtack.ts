/** The release under test. */

import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { isReady } from "./call";
import { Program } from "./program";

const checkout = resolve(__dirname, "..");

/** Whether RELEASE is set. Tests of other programs run without it. */
export const isNamed = Boolean(process.env.RELEASE);

/** An absolute path, because the program runs in temporary folders. */
const program = resolve(
  process.env.RELEASE || join(process.env.CARGO_TARGET_DIR ?? join(checkout, "target"), "release/hardtack"),
);

/** Returns its environment: only these settings, none of the caller's, and a longer timeout for a busy machine. */
function settings(own: Record<string, string>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(HARDTACK|LEPTOS)_/.test(name));
  const usual = { HARDTACK_LEPTOS_SITE_ROOT: join(checkout, "target/site"), HARDTACK_STORE_TIMEOUT: "5s" };
  return { ...Object.fromEntries(inherited), ...usual, ...own };
}

/**
 * Starts it in a separate folder, and waits until it is ready at its URL.
 *
 * In that folder it reads no Leptos.toml, and nothing is written into the checkout.
 */
export function serve(cwd: string, own: Record<string, string>, origin: string, ca?: string): Promise<Program> {
  return Program.start(program, ["serve"], { cwd, env: settings(own) }, () => isReady(origin, ca));
}

/** Runs a command until it ends and returns its output. */
export async function command(args: string[], cwd: string, own: Record<string, string> = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd, env: settings(own) });
  return stdout;
}
