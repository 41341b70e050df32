/** Debian's Firefox ESR, driven by WebDriver BiDi. */

import type { Browser, BrowserContext, Page } from "puppeteer-core";
import { FIREFOX } from "./installed";
import { type Cookie, type Engine, Tab, type Target, type ThirdParties, type Visitor } from "./tab";

/**
 * The values of `network.cookie.cookieBehavior`: a separate jar for each site, which is the default; and "All
 * cross-site cookies".
 */
const COOKIE_BEHAVIOR = { allowed: 5, blocked: 1 };

export class Firefox implements Engine {
  /** Without scripts it is a separate process, because the preference is for the whole process. */
  private plain: Browser | undefined;

  private constructor(
    private readonly browser: Browser,
    private readonly preferences: Record<string, unknown>,
  ) {}

  /** Starts it without a window. It resolves all names but `localhost` through the proxy on this port. */
  static async start(proxy: number, thirdPartyCookies: ThirdParties): Promise<Firefox> {
    const preferences = {
      "network.cookie.cookieBehavior": COOKIE_BEHAVIOR[thirdPartyCookies],
      "network.proxy.type": 1,
      "network.proxy.socks": "127.0.0.1",
      "network.proxy.socks_port": proxy,
      "network.proxy.socks5_remote_dns": true,
      // Off, so that Firefox uses the scheme in the URL.
      "dom.security.https_first": false,
      // On a closed network these would wait for responses that never come.
      "network.captive-portal-service.enabled": false,
      "network.connectivity-service.enabled": false,
    };
    return new Firefox(await launch(preferences), preferences);
  }

  async visitor(javaScript = "with"): Promise<FirefoxVisitor> {
    if (javaScript === "with") return new FirefoxVisitor(await this.browser.createBrowserContext());
    this.plain ??= await launch({ ...this.preferences, "javascript.enabled": false });
    return new FirefoxVisitor(await this.plain.createBrowserContext());
  }

  async stop(): Promise<void> {
    await this.plain?.close();
    await this.browser.close();
  }
}

async function launch(extraPrefsFirefox: Record<string, unknown>): Promise<Browser> {
  const { launch } = await import("puppeteer-core");
  const options = { executablePath: FIREFOX, headless: true, acceptInsecureCerts: true, defaultViewport: null };
  return launch({ ...options, browser: "firefox", extraPrefsFirefox });
}

class FirefoxVisitor implements Visitor {
  constructor(private readonly context: BrowserContext) {}

  async tab(): Promise<FirefoxTab> {
    // A window, because a tab in front of another one would hide it.
    return new FirefoxTab(await this.context.newPage({ type: "window" }));
  }

  async jar(): Promise<Cookie[]> {
    return (await this.context.cookies()).map(({ name, value, domain, path, expires }) => ({
      ...{ name, value, domain, path },
      ...(expires > 0 && { ends: expires }),
    }));
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}

class FirefoxTab extends Tab {
  constructor(private readonly page: Page) {
    super();
  }

  async goto(url: string): Promise<void> {
    await this.page.goto(url);
  }

  async reload(): Promise<void> {
    await this.page.reload();
  }

  async url(): Promise<string> {
    return this.page.url();
  }

  async click(target: Target): Promise<void> {
    // Not puppeteer's click, because it waits for a script in the page, which does not run without JavaScript.
    const middle = await this.look(target, (element) => {
      element?.scrollIntoView({ block: "center", behavior: "instant" });
      const box = element?.getBoundingClientRect();
      return box ? { x: box.x + box.width / 2, y: box.y + box.height / 2 } : null;
    });
    if (!middle) throw new Error(`no such element: ${JSON.stringify(target)}`);
    await this.page.mouse.click(middle.x, middle.y);
  }

  async type(target: Target, text: string): Promise<void> {
    await this.click(target);
    await this.page.keyboard.press("End");
    await this.page.keyboard.type(text);
  }

  async close(): Promise<void> {
    await this.page.close();
  }

  protected run(expression: string): Promise<unknown> {
    return this.page.evaluate(expression);
  }
}
