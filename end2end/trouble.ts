/** Unexpected errors in a browser. */

import type { BrowserContext, Page } from "@playwright/test";

/**
 * Watches every page of a context. A test fails at its end after an unexpected console error, uncaught error,
 * violation of the content security policy, response of 400 or above, failed request, or request to another host.
 */
export class Trouble {
  private readonly found: string[] = [];
  private readonly expected: RegExp[] = [];

  /** Expects errors that match, because they are part of the test. */
  expect(...patterns: RegExp[]): void {
    this.expected.push(...patterns);
  }

  get unexpected(): string[] {
    return this.found.filter((line) => !this.expected.some((pattern) => pattern.test(line)));
  }

  async watch(context: BrowserContext): Promise<void> {
    // The console logs a violation too, but only this event has the directive and the source.
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile ?? ""}`);
      });
    });
    context.on("console", (message) => {
      if (message.type() === "error") this.found.push(`console error: ${message.text()}`);
    });
    context.on("weberror", (error) => this.found.push(`page error: ${error.error().stack ?? error.error()}`));
    context.on("request", (request) => {
      const { protocol, hostname } = new URL(request.url());
      const ours = ["data:", "blob:"].includes(protocol) || hostname === "localhost";
      if (!ours) this.found.push(`request elsewhere: ${request.url()}`);
    });
    context.on("requestfailed", (request) => {
      const why = request.failure()?.errorText ?? "";
      // The browser aborts requests when a page is left.
      if (why !== "net::ERR_ABORTED") {
        this.found.push(`request failed: ${request.method()} ${request.url()}: ${why}`);
      }
    });
    context.on("response", (response) => {
      if (response.status() >= 400) {
        this.found.push(`answered ${response.status()}: ${response.request().method()} ${response.url()}`);
      }
    });
  }
}

/** Records layout shifts from the first paint on; read them with `layoutShift`. */
export async function recordLayoutShifts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const shifts: number[] = [];
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) shifts.push((entry as unknown as { value: number }).value);
    }).observe({ type: "layout-shift", buffered: true });
  });
}

/** Returns the sum of all layout shifts so far. */
export async function layoutShift(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    await frame();
    await frame();
    const { shifts } = window as unknown as { shifts: number[] };
    return shifts.reduce((sum, shift) => sum + shift, 0);
  });
}
