/** The paths of the two engines on Debian. On other systems their tests are skipped with that reason. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

export const FIREFOX = "/usr/bin/firefox-esr";
export const WEBKIT_DRIVER = "/usr/bin/WebKitWebDriver";
export const SCREEN = "/usr/bin/Xvfb";

/** WebKitGTK's test browser, in a folder that depends on the architecture. */
export const MINI_BROWSER = readdirSync("/usr/lib")
  .map((folder) => join("/usr/lib", folder, "webkit2gtk-4.1/MiniBrowser"))
  .find((program) => existsSync(program));

export type EngineName = "Firefox" | "WebKitGTK";

/** Returns whether an engine is not installed. */
export function isMissing(name: EngineName): boolean {
  const needed = { Firefox: [FIREFOX], WebKitGTK: [WEBKIT_DRIVER, SCREEN, MINI_BROWSER ?? ""] };
  return !needed[name].every((program) => existsSync(program));
}
