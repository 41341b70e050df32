/** Ports of this machine. */

import { randomInt } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";

const ATTEMPTS = 3;

/** Below the ports that systems give to connections: one of those may be taken at any moment. */
const [FIRST, LAST] = [12_000, 31_999];

/** A port that was free a moment ago. */
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

/** Whether somebody listens there. */
export async function isTaken(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const taken = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return taken;
}

/** Starts what must be told its port. Another program may take one between the look and the start: then with another. */
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
