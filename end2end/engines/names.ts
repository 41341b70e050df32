/**
 * A proxy that resolves every name to this machine, because these engines have no option for that as Chromium has.
 */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A SOCKS 5 proxy without authentication, which forwards bytes unchanged, also of TLS. Source: RFC 1928. */
export class Names {
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((near) => this.serve(near));
  }

  static async start(): Promise<Names> {
    const names = new Names();
    names.server.listen(0, "127.0.0.1");
    await once(names.server, "listening");
    return names;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await once(this.server, "close");
  }

  private serve(near: Socket): void {
    this.hold(near);
    let heard = Buffer.alloc(0);
    let greeted = false;
    const listen = (part: Buffer) => {
      heard = Buffer.concat([heard, part]);
      if (!greeted && heard.length > 1 && heard.length >= 2 + heard[1]) {
        heard = heard.subarray(2 + heard[1]);
        greeted = true;
        near.write(Buffer.of(5, 0));
      }
      const length = greeted ? lengthOf(heard) : undefined;
      if (length === undefined || heard.length < length) return;
      near.off("data", listen);
      near.pause();
      this.join(near, heard.readUInt16BE(length - 2), heard.subarray(length));
    };
    near.on("data", listen);
  }

  private join(near: Socket, port: number, rest: Buffer): void {
    const far = connect(port, "127.0.0.1");
    this.hold(far);
    far.once("close", () => near.destroy());
    near.once("close", () => far.destroy());
    far.once("connect", () => {
      near.write(Buffer.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0));
      far.write(rest);
      near.pipe(far).pipe(near);
    });
  }

  private hold(socket: Socket): void {
    this.sockets.add(socket);
    // A browser may close the connection at any time.
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.sockets.delete(socket));
  }
}

/** Returns the length of a request: version, command, zero, address type, address, port. */
function lengthOf(request: Buffer): number | undefined {
  const address = { 1: 4, 3: 1 + request[4], 4: 16 }[request[3]];
  return address && 4 + address + 2;
}
