/** A server that the test itself plays: every call waits until the test has said what comes of it. */

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { join, resolve } from "node:path";

/** What tools/client has built. */
const BUILT = resolve(__dirname, "../../target/browser-client");

/** Pages and what they load; everything else is a call. */
export const PAGES = "/page/";

/** No connection is used twice: the browser would send by itself again what one that it reuses has lost. */
const ONCE = { connection: "close" };

export class Played {
  /** The origin whose pages may read the answers, if it is another one. */
  admits: string | undefined;

  private readonly come: Asked[] = [];
  private readonly awaited: { line: string | undefined; take: (asked: Asked) => void }[] = [];

  private constructor(
    private readonly server: Server,
    readonly origin: string,
  ) {
    server.on("request", (request, response) => {
      this.take(request, response).catch((error) => response.destroy(error));
    });
  }

  static async start(): Promise<Played> {
    const server = createServer().listen(0, "localhost");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return new Played(server, `http://localhost:${address.port}`);
  }

  /** The next call, in the order of arrival; or the next of that line, as `GET /healthz`. */
  next(line?: string): Promise<Asked> {
    const at = this.come.findIndex((asked) => line === undefined || asked.line === line);
    if (at >= 0) return Promise.resolve(this.come.splice(at, 1)[0]);
    return new Promise((take) => this.awaited.push({ line, take }));
  }

  /** Breaks off whatever is under way, and listens no longer. */
  async stop(): Promise<void> {
    if (!this.server.listening) return;
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, "close");
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? "";
    if (url.startsWith(PAGES)) return page(new URL(url, this.origin), response);
    const headers = this.admission(request.headers);
    if (request.method === "OPTIONS") {
      response.writeHead(204, { ...ONCE, ...headers }).end();
      return;
    }
    // Before its body has come: the browser may be gone by then.
    const gone = new Promise<void>((gone) => response.once("close", () => response.writableEnded || gone()));
    const asked = new Asked(request, await text(request), response, gone, headers);
    const at = this.awaited.findIndex(({ line }) => line === undefined || line === asked.line);
    if (at >= 0) this.awaited.splice(at, 1)[0].take(asked);
    else this.come.push(asked);
  }

  private admission({ origin }: IncomingHttpHeaders): Record<string, string> {
    if (origin === undefined || origin !== this.admits) return {};
    return {
      "access-control-allow-origin": origin,
      "access-control-allow-credentials": "true",
      "access-control-allow-headers": "content-type",
      "access-control-expose-headers": "retry-after",
    };
  }
}

/** A call that has arrived. */
export class Asked {
  /** As `GET /api/visits`. */
  readonly line: string;
  readonly headers: IncomingHttpHeaders;

  constructor(
    request: IncomingMessage,
    readonly body: string,
    private readonly response: ServerResponse,
    /** The browser has closed the connection, without an answer. */
    readonly gone: Promise<void>,
    private readonly admission: Record<string, string>,
  ) {
    this.line = `${request.method} ${request.url}`;
    this.headers = request.headers;
  }

  get cookie(): string | undefined {
    return this.headers.cookie;
  }

  /** Whether the browser still waits on that connection. */
  get waits(): boolean {
    return !this.response.destroyed && !this.response.writableEnded;
  }

  answer(status = 200, body = "{}", headers: Record<string, string> = {}): void {
    this.response.writeHead(status, { ...ONCE, ...this.admission, ...headers }).end(body);
  }

  /** An error as our server answers it. */
  fail(status: number, kind: string, headers: Record<string, string> = {}): void {
    this.answer(status, JSON.stringify({ kind, message: `the server says ${kind}` }), headers);
  }

  /** Ends the connection without a word. */
  breakOff(): void {
    this.response.destroy();
  }

  /** Sends the beginning of a good answer. */
  async begin(): Promise<void> {
    this.response.writeHead(200, { ...ONCE, ...this.admission, "content-length": "100" });
    await new Promise((written) => this.response.write("{", written));
  }

  /** Ends the connection in the midst of a good answer. */
  async breakOffInTheMidst(): Promise<void> {
    await this.begin();
    this.response.destroy();
  }
}

async function page(url: URL, response: ServerResponse): Promise<void> {
  const name = url.pathname.slice(PAGES.length);
  const [type, body] = /\.(js|wasm)$/.test(name)
    ? [name.endsWith(".js") ? "text/javascript" : "application/wasm", await readFile(join(BUILT, name))]
    : ["text/html; charset=utf-8", html(url.searchParams.get("api"))];
  response.writeHead(200, { ...ONCE, "content-type": type }).end(body);
}

/** A page as the server renders it, or one that was exported for an API. Its timers are noted as they are set. */
function html(api: string | null): string {
  return `<!doctype html>
<title>The client</title>
<link rel="icon" href="data:," />
${api === null ? "" : `<meta name="hardtack-api" content="${api}" />`}
<script>
  window.timers = [];
  const { setTimeout: set } = window;
  window.setTimeout = (done, span, ...rest) => {
    window.timers.push(span);
    return set(done, span, ...rest);
  };
</script>
<script type="module">
  import init, * as client from "${PAGES}browser_client.js";
  window.client = client;
  window.ready = init();
</script>
`;
}
