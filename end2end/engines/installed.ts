/** Where Debian has the two engines. Elsewhere their tests are skipped, and say so. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

export const FIREFOX = "/usr/bin/firefox-esr";
export const WEBKIT_DRIVER = "/usr/bin/WebKitWebDriver";
export const SCREEN = "/usr/bin/Xvfb";

/** WebKitGTK's own browser, in a folder of each kind of machine. */
export const MINI_BROWSER = readdirSync("/usr/lib")
  .map((folder) => join("/usr/lib", folder, "webkit2gtk-4.1/MiniBrowser"))
  .find((program) => existsSync(program));

export type EngineName = "Firefox" | "WebKitGTK";

/** Whether an engine cannot be tested here. */
export function isMissing(name: EngineName): boolean {
  const needed = { Firefox: [FIREFOX], WebKitGTK: [WEBKIT_DRIVER, SCREEN, MINI_BROWSER ?? ""] };
  return !needed[name].every((program) => existsSync(program));
}
