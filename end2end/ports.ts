/** Free ports of this machine. */

import { randomInt } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";

const ATTEMPTS = 3;

/** Below the system's range for outgoing connections, because one of those could take the port at any time. */
const [FIRST, LAST] = [12_000, 31_999];

/** Returns a port that was free just now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST + 1);
    const probe = createServer().listen(port, "127.0.0.1");
    const refusal = await once(probe, "listening").then(
      () => undefined,
      (error) => error,
    );
    if (refusal?.code === "EADDRINUSE") continue;
    if (refusal) throw refusal;
    probe.close();
    await once(probe, "close");
    return port;
  }
}

/** Returns whether a program listens on a port. */
export async function isTaken(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const taken = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return taken;
}

/**
 * Starts a program on a free port, and repeats it with another port, because another program may take the first one
 * meanwhile.
 */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  let last: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    try {
      return await start(await freePort());
    } catch (error) {
      last = error;
    }
  }
  throw last;
}
