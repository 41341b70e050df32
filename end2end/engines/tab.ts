/** A browser that Playwright does not drive, with one interface for both engines. */

/** An element: the first visible match, with this text if one is given. A label stands for its control. */
export type Target = { css: string; text?: string };

/** The handling of cookies of another site than the page's. */
export type ThirdParties = "allowed" | "blocked";

export interface Engine {
  /** Opens a separate browser profile, which shares no cookies. */
  visitor(javaScript?: "with" | "without"): Promise<Visitor>;
  stop(): Promise<void>;
}

export interface Visitor {
  /** Opens a visible tab in addition to the others. */
  tab(): Promise<Tab>;
  /** Returns all cookies, or those that would be sent to this URL if the browser lists only those. */
  jar(at: string): Promise<Cookie[]>;
  close(): Promise<void>;
}

export type Cookie = {
  name: string;
  value: string;
  domain: string;
  path: string;
  /** The expiry in seconds since 1970, or nothing for a session cookie. */
  ends?: number;
};

export abstract class Tab {
  /** Opens a URL and waits until the page is loaded. */
  abstract goto(url: string): Promise<void>;
  abstract reload(): Promise<void>;
  abstract url(): Promise<string>;
  /** Clicks an element as a visitor does. Throws if it does not exist. */
  abstract click(target: Target): Promise<void>;
  /** Appends text to a field by key presses. */
  abstract type(target: Target, text: string): Promise<void>;
  abstract close(): Promise<void>;
  /** Evaluates an expression in the page, in spite of its content security policy. Awaits a promise. */
  protected abstract run(expression: string): Promise<unknown>;

  /** Calls a function in the page. It sees only its arguments; they and the result are passed as JSON. */
  async evaluate<A extends unknown[], T>(work: (...args: A) => T | Promise<T>, ...args: A): Promise<T> {
    return (await this.run(`(${work})(${args.map((one) => JSON.stringify(one) ?? "undefined").join()})`)) as T;
  }

  /** Calls a function in the page with an element, or with null if it does not exist. */
  async look<T>(target: Target, work: (element: HTMLElement | null) => T): Promise<T> {
    return (await this.run(`(${work})((${find})(${JSON.stringify(target)}))`)) as T;
  }

  /** Returns the visible text of an element, or nothing if it does not exist. */
  async text(target: Target): Promise<string | undefined> {
    return (await this.look(target, (element) => element?.innerText.trim() ?? null)) ?? undefined;
  }

  /** Returns the value of a field. */
  async value(target: Target): Promise<string | undefined> {
    return (await this.look(target, (element) => (element as HTMLInputElement | null)?.value ?? null)) ?? undefined;
  }

  async isThere(target: Target): Promise<boolean> {
    return this.look(target, (element) => element !== null);
  }
}

/** Finds a target. It runs in the page, so it uses nothing from this module. */
export function find({ css, text }: Target): HTMLElement | null {
  const said = (element: Element) => (element.textContent ?? "").replace(/\s+/g, " ").trim();
  const fits = (element: Element) =>
    element.checkVisibility({ visibilityProperty: true }) && (text === undefined || said(element) === text);
  const found = [...document.querySelectorAll<HTMLElement>(css)].find(fits) ?? null;
  return found instanceof HTMLLabelElement ? found.control : found;
}
