// Which Chromium the tests use, and with which arguments. Plain JavaScript, so that tools/test can ask it too:
// `node chromium.js --why-not` says why the tests cannot run, and nothing when they can.

const { existsSync } = require("node:fs");
const { spawnSync } = require("node:child_process");
const { chromium } = require("@playwright/test");

const debians = "/usr/bin/chromium";

/** Debian's when it is there, else Playwright's own. */
const executablePath = existsSync(debians) ? debians : undefined;

const args = [
  // On a closed network these would wait for answers that never come.
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--disable-quic",
];
// Chromium's sandbox refuses root; for anybody else it stays.
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
