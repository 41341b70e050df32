/** A public page and a server on this machine, for which Chromium asks the visitor's permission. */

import { launchOptions } from "../chromium";
import { expect, test } from "./examined";

// The override of the address space is an argument of the browser, so the port is chosen before. Each worker has
// another port.
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
  // The name of this permission differs between versions of Chromium.
  for (const name of ["local-network-access", "local-network", "loopback-network"]) {
    await cdp.send("Browser.setPermission", { permission: { name }, setting: "denied" });
  }
  expect(await examined.run()).toMatchObject({ errors: ["HT029"], broken: ["the call does not arrive"] });
});
