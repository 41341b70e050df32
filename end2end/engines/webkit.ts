/**
 * Debian's WebKitGTK, driven by WebDriver.
 *
 * It is Safari's engine with another network stack: requests and cookies are libsoup's.
 */

import { tmpdir } from "node:os";
import { onFreePort } from "../ports";
import { Program } from "../program";
import { MINI_BROWSER, SCREEN, WEBKIT_DRIVER } from "./installed";
import { type Cookie, type Engine, find, Tab, type Target, type ThirdParties, type Visitor } from "./tab";

/** The values of MiniBrowser's option. By default, third-party cookies are blocked. */
const COOKIE_POLICY = { allowed: "always", blocked: "no-third-party" };

const START_MS = 15_000;

/** The End key, and the name of an element reference in the WebDriver standard. */
const END = "\uE010";
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

export class WebKit implements Engine {
  private readonly visitors: WebKitVisitor[] = [];

  private constructor(
    private readonly screen: Program,
    private readonly capabilities: (options: string[]) => unknown,
  ) {}

  /** Starts a virtual screen. All names but `localhost` are resolved through the proxy on this port. */
  static async start(proxy: number, thirdPartyCookies: ThirdParties): Promise<WebKit> {
    const args = ["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"];
    const chosen = ({ said }: Program) => said.includes("\n");
    const screen = await Program.start(SCREEN, args, { cwd: tmpdir(), env: process.env }, chosen);
    return new WebKit(screen, (options) => ({
      acceptInsecureCerts: true,
      "webkitgtk:browserOptions": {
        binary: MINI_BROWSER,
        args: [
          "--automation",
          `--cookies-policy=${COOKIE_POLICY[thirdPartyCookies]}`,
          `--proxy=socks5://127.0.0.1:${proxy}`,
          ...["localhost", "127.0.0.1"].map((host) => `--ignore-host=${host}`),
          ...options,
        ],
      },
    }));
  }

  async visitor(javaScript = "with"): Promise<WebKitVisitor> {
    const options = javaScript === "with" ? [] : ["--enable-javascript=false"];
    const visitor = await WebKitVisitor.start(`:${this.screen.said.trim()}`, this.capabilities(options));
    this.visitors.push(visitor);
    return visitor;
  }

  async stop(): Promise<void> {
    await Promise.all(this.visitors.map((visitor) => visitor.close()));
    await this.screen.stop();
  }
}

/** A visitor's browser. Each has its own driver, because a driver has one session. */
class WebKitVisitor implements Visitor {
  private session = "";
  private shown: string | undefined;
  private last: Promise<unknown> = Promise.resolve();
  /** A tab that reads the cookies of a URL. */
  private witness: WebKitTab | undefined;
  private tabs = 0;

  private constructor(
    private readonly driver: Program,
    private readonly url: string,
  ) {}

  static async start(display: string, capabilities: unknown): Promise<WebKitVisitor> {
    const env = { ...process.env, DISPLAY: display };
    return onFreePort(async (port) => {
      const url = `http://127.0.0.1:${port}`;
      const ready = () =>
        fetch(`${url}/status`).then(
          ({ ok }) => ok,
          () => false,
        );
      const driver = await Program.start(WEBKIT_DRIVER, [`--port=${port}`], { cwd: tmpdir(), env }, ready);
      try {
        const visitor = new WebKitVisitor(driver, url);
        // Sometimes the driver does not find the browser that it has started, and waits for ever.
        const patience = AbortSignal.timeout(START_MS);
        const wanted = { capabilities: { alwaysMatch: capabilities } };
        visitor.session = `/session/${(await visitor.ask("POST", "/session", wanted, patience)).sessionId}`;
        return visitor;
      } catch (error) {
        await driver.stop();
        throw error;
      }
    });
  }

  async tab(): Promise<WebKitTab> {
    this.tabs += 1;
    if (this.tabs === 1) return new WebKitTab(this, await this.ask("GET", `${this.session}/window`));
    // A window, because a tab in front of another one would hide it.
    const { handle } = await this.ask("POST", `${this.session}/window/new`, { type: "window" });
    return new WebKitTab(this, handle);
  }

  async jar(at: string): Promise<Cookie[]> {
    this.witness ??= await this.tab();
    await this.witness.goto(at);
    return this.witness.cookies();
  }

  /**
   * Runs a command in one window. Commands run one after the other, because the current window is a state of the
   * driver.
   */
  async command(handle: string, method: string, path: string, body?: unknown): Promise<any> {
    const work = this.last.then(async () => {
      if (this.shown !== handle) await this.ask("POST", `${this.session}/window`, { handle });
      this.shown = handle;
      return this.ask(method, this.session + path, body);
    });
    this.last = work.catch(() => undefined);
    return work;
  }

  async close(): Promise<void> {
    if (this.session) await this.ask("DELETE", this.session);
    this.session = "";
    await this.driver.stop();
  }

  private async ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<any> {
    const text = body === undefined ? body : JSON.stringify(body);
    const answer = await fetch(this.url + path, { method, body: text, signal });
    const { value } = (await answer.json()) as { value: any };
    if (!answer.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  }
}

class WebKitTab extends Tab {
  constructor(
    private readonly visitor: WebKitVisitor,
    private readonly handle: string,
  ) {
    super();
  }

  async goto(url: string): Promise<void> {
    await this.post("/url", { url });
  }

  async reload(): Promise<void> {
    await this.post("/refresh");
  }

  async url(): Promise<string> {
    return this.visitor.command(this.handle, "GET", "/url");
  }

  async click(target: Target): Promise<void> {
    await this.post(`/element/${await this.element(target)}/click`);
  }

  async type(target: Target, text: string): Promise<void> {
    await this.post(`/element/${await this.element(target)}/value`, { text: END + text });
  }

  async close(): Promise<void> {
    await this.visitor.command(this.handle, "DELETE", "/window");
  }

  /** Returns the cookies of its URL, with those that scripts cannot read. */
  async cookies(): Promise<Cookie[]> {
    const found: (Cookie & { expiry?: number })[] = await this.visitor.command(this.handle, "GET", "/cookie");
    return found.map(({ name, value, domain, path, expiry }) => ({
      ...{ name, value, domain, path },
      ...(expiry && { ends: expiry }),
    }));
  }

  protected run(expression: string): Promise<unknown> {
    return this.post("/execute/sync", { script: `return ${expression}`, args: [] });
  }

  private async element(target: Target): Promise<string> {
    const found = await this.run(`(${find})(${JSON.stringify(target)})`);
    if (!found) throw new Error(`no such element: ${JSON.stringify(target)}`);
    return (found as Record<string, string>)[ELEMENT];
  }

  private post(path: string, body: unknown = {}): Promise<any> {
    return this.visitor.command(this.handle, "POST", path, body);
  }
}
