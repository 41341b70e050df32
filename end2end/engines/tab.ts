/** A browser that Playwright does not drive, as the tests of this folder see it, whatever drives it. */

/** An element: the first shown one that fits, of its text if one is given. A label stands for its control. */
export type Target = { css: string; text?: string };

/** What a browser does with the cookies of a site other than the page's. */
export type ThirdParties = "allowed" | "blocked";

export interface Engine {
  /** A visitor of its own: no cookie is shared with another one. */
  visitor(javaScript?: "with" | "without"): Promise<Visitor>;
  stop(): Promise<void>;
}

export interface Visitor {
  /** A tab that is shown, beside those that are there. */
  tab(): Promise<Tab>;
  /** All cookies; of a browser that lists only those of an address, the ones that it would send there. */
  jar(at: string): Promise<Cookie[]>;
  close(): Promise<void>;
}

export type Cookie = {
  name: string;
  value: string;
  domain: string;
  path: string;
  /** In seconds since 1970; none of a cookie that ends with the browser. */
  ends?: number;
};

export abstract class Tab {
  /** Goes there and waits until the page is loaded. */
  abstract goto(url: string): Promise<void>;
  abstract reload(): Promise<void>;
  abstract url(): Promise<string>;
  /** Clicks as a visitor does. An error where the element is not there. */
  abstract click(target: Target): Promise<void>;
  /** Writes at the end of a field, by its keys. */
  abstract type(target: Target, text: string): Promise<void>;
  abstract close(): Promise<void>;
  /** Evaluates an expression in the page, whatever its policy forbids. A promise is waited for. */
  protected abstract run(expression: string): Promise<unknown>;

  /** Calls a function in the page, which sees its arguments alone. They and what it gives travel as JSON. */
  async evaluate<A extends unknown[], T>(work: (...args: A) => T | Promise<T>, ...args: A): Promise<T> {
    return (await this.run(`(${work})(${args.map((one) => JSON.stringify(one) ?? "undefined").join()})`)) as T;
  }

  /** Calls a function in the page with an element, which may not be there. */
  async look<T>(target: Target, work: (element: HTMLElement | null) => T): Promise<T> {
    return (await this.run(`(${work})((${find})(${JSON.stringify(target)}))`)) as T;
  }

  /** What an element says, as it is shown; nothing where it is not there. */
  async text(target: Target): Promise<string | undefined> {
    return (await this.look(target, (element) => element?.innerText.trim() ?? null)) ?? undefined;
  }

  /** What stands in a field. */
  async value(target: Target): Promise<string | undefined> {
    return (await this.look(target, (element) => (element as HTMLInputElement | null)?.value ?? null)) ?? undefined;
  }

  async isThere(target: Target): Promise<boolean> {
    return this.look(target, (element) => element !== null);
  }
}

/** Finds a target. Runs in the page, so it uses nothing from here. */
export function find({ css, text }: Target): HTMLElement | null {
  const said = (element: Element) => (element.textContent ?? "").replace(/\s+/g, " ").trim();
  const fits = (element: Element) =>
    element.checkVisibility({ visibilityProperty: true }) && (text === undefined || said(element) === text);
  const found = [...document.querySelectorAll<HTMLElement>(css)].find(fits) ?? null;
  return found instanceof HTMLLabelElement ? found.control : found;
}
