// The Chromium of the tests and its arguments. It is plain JavaScript, so that tools/test can run it too: `node
// chromium.js --why-not` prints why the tests cannot run, and nothing if they can.

const { existsSync } = require("node:fs");
const { spawnSync } = require("node:child_process");
const { chromium } = require("@playwright/test");

const debians = "/usr/bin/chromium";

/** Debian's Chromium if it is installed, else Playwright's. */
const executablePath = existsSync(debians) ? debians : undefined;

const args = [
  // On a closed network these would wait for responses that never come.
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--disable-quic",
];
// Chromium's sandbox does not work for root. For other users it stays on.
if (process.getuid?.() === 0) args.push("--no-sandbox");

module.exports = { launchOptions: { executablePath, args } };

if (process.argv.includes("--why-not")) {
  const program = executablePath ?? chromium.executablePath();
  if (!existsSync(program)) {
    console.log("Chromium is not installed");
  } else if (spawnSync(program, ["--version"]).status !== 0) {
    console.log(`${program} does not start`);
  }
}
