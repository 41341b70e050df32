/** Ports of this machine. */

import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

const ATTEMPTS = 3;

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, "127.0.0.1");
  try {
    await once(probe, "listening");
  } catch {
    return false;
  }
  probe.close();
  await once(probe, "close");
  return true;
}

/**
 * Starts what must be told its port: on a free one, on `usual` if it is.
 *
 * Another program may take a port between the look and the start, so that is tried again with others.
 */
export async function onFreePort<T>(start: (port: number) => Promise<T>, usual?: number): Promise<T> {
  let last: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = attempt === 0 && usual !== undefined && (await isFree(usual)) ? usual : await freePort();
    try {
      return await start(port);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}
