/** A page of the internet and a server on this machine: Chromium asks the visitor first. */

import { launchOptions } from "../chromium";
import { expect, test } from "./examined";

// Which address is of the internet is said when the browser starts. Another worker is another port.
const PORT = 20_000 + (process.pid % 10_000);

test.use({
  launchOptions: {
    ...launchOptions,
    args: [...launchOptions.args, `--ip-address-space-overrides=127.0.0.1:${PORT}=public`],
  },
});

test("HT029, a visitor who has denied access to the local network", async ({ examine, page, context }) => {
  const place = { page: "https://app.example.com", pagePort: PORT, server: "https://localhost" };
  const examined = await examine({ ...place, copy: true });
  const cdp = await context.newCDPSession(page);
  // What it is called has changed, and will.
  for (const name of ["local-network-access", "local-network", "loopback-network"]) {
    await cdp.send("Browser.setPermission", { permission: { name }, setting: "denied" });
  }
  expect(await examined.run()).toMatchObject({ errors: ["HT029"], broken: ["the call does not arrive"] });
});
