/** A stub server: every call waits until the test decides its outcome. */

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { join, resolve } from "node:path";

/** The output of tools/client. */
const BUILT = resolve(__dirname, "../../target/browser-client");

/** The prefix of pages and their files. All other requests are calls. */
export const PAGES = "/page/";

/** Connections are not reused, because a browser repeats a request by itself when a reused connection breaks. */
const ONCE = { connection: "close" };

export class Played {
  /** The other origin whose pages may read the responses, if there is one. */
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

  /** Returns the next call in the order of arrival, or the next with this line, such as `GET /healthz`. */
  next(line?: string): Promise<Asked> {
    const at = this.come.findIndex((asked) => line === undefined || asked.line === line);
    if (at >= 0) return Promise.resolve(this.come.splice(at, 1)[0]);
    return new Promise((take) => this.awaited.push({ line, take }));
  }

  /** Closes all connections and stops listening. */
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
    // Registered before the body is read, because the browser may close the connection meanwhile.
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
  /** The method and path, such as `GET /api/visits`. */
  readonly line: string;
  readonly headers: IncomingHttpHeaders;

  constructor(
    request: IncomingMessage,
    readonly body: string,
    private readonly response: ServerResponse,
    /** Resolves when the browser closes the connection before the response. */
    readonly gone: Promise<void>,
    private readonly admission: Record<string, string>,
  ) {
    this.line = `${request.method} ${request.url}`;
    this.headers = request.headers;
  }

  get cookie(): string | undefined {
    return this.headers.cookie;
  }

  /** Returns whether the browser still waits for the response. */
  get waits(): boolean {
    return !this.response.destroyed && !this.response.writableEnded;
  }

  answer(status = 200, body = "{}", headers: Record<string, string> = {}): void {
    this.response.writeHead(status, { ...ONCE, ...this.admission, ...headers }).end(body);
  }

  /** Sends an error in the server's format. */
  fail(status: number, kind: string, headers: Record<string, string> = {}): void {
    this.answer(status, JSON.stringify({ kind, message: `the server says ${kind}` }), headers);
  }

  /** Closes the connection without a response. */
  breakOff(): void {
    this.response.destroy();
  }

  /** Sends the beginning of a successful response. */
  async begin(): Promise<void> {
    this.response.writeHead(200, { ...ONCE, ...this.admission, "content-length": "100" });
    await new Promise((written) => this.response.write("{", written));
  }

  /** Closes the connection in the middle of a successful response. */
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

/** Returns a page as the server renders it, or as exported for an API. The page records its timers. */
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
