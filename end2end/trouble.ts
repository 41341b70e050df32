/** Whatever goes wrong in a browser without a test looking for it. */

import type { BrowserContext, Page } from "@playwright/test";

/**
 * Listens to every page of a context. A test fails at its end when something is here that it did not expect:
 * console errors, uncaught errors, violations of the content security policy, answers of 400 and above,
 * requests that failed, and requests to anywhere but this machine.
 */
export class Trouble {
  private readonly found: string[] = [];
  private readonly expected: RegExp[] = [];

  /** Trouble that matches is part of the test. */
  expect(...patterns: RegExp[]): void {
    this.expected.push(...patterns);
  }

  get unexpected(): string[] {
    return this.found.filter((line) => !this.expected.some((pattern) => pattern.test(line)));
  }

  async watch(context: BrowserContext): Promise<void> {
    // The console names a violation too, but only this event tells the directive and the source apart.
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
      // The browser's own doing, when a page is left while something still loads.
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

/** Remembers layout shifts from the first paint on; read them with `layoutShift`. */
export async function recordLayoutShifts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const shifts: number[] = [];
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) shifts.push((entry as unknown as { value: number }).value);
    }).observe({ type: "layout-shift", buffered: true });
  });
}

/** The sum of all layout shifts so far. */
export async function layoutShift(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    await frame();
    await frame();
    const { shifts } = window as unknown as { shifts: number[] };
    return shifts.reduce((sum, shift) => sum + shift, 0);
  });
}
