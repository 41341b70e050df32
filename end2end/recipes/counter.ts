/** A node that counts requests, and may close the connection instead of responding. */

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export class Counter {
  /** The methods of the requests that have arrived, without health checks. */
  readonly arrived: string[] = [];

  private constructor(private readonly server: Server) {}

  static async start(does: "breaks off" | "answers"): Promise<Counter> {
    const counter = new Counter(createServer());
    counter.server.on("request", async (request, response) => {
      if (request.url === "/readyz" || request.url === "/healthz") return response.end("ready");
      for await (const _ of request) continue;
      counter.arrived.push(request.method ?? "");
      // As a process that is killed during a request.
      return does === "answers" ? response.end("done") : request.socket.destroy();
    });
    counter.server.listen(0, "127.0.0.1");
    await once(counter.server, "listening");
    return counter;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}
