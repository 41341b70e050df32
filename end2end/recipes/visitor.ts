/** A client that keeps its session cookie as a browser does. */

import { setTimeout as pause } from "node:timers/promises";
import { type Answer, call } from "../call";

const JSON_HEADERS = { accept: "application/json", "content-type": "application/json" };

const MOST_AGAIN = 10;
const AGAIN_MS = 300;

export class Visitor {
  /** The number of its requests that got a 502, because the proxy could send them to no node. */
  unsent = 0;
  private cookie: string | undefined;

  constructor(
    private readonly origin: string,
    private readonly ca: string,
  ) {}

  /** Counts one visit and returns the response. */
  async visit(): Promise<Answer> {
    const headers = { ...JSON_HEADERS, ...(this.cookie ? { cookie: this.cookie } : {}) };
    const answer = await call(`${this.origin}/api/visits`, { ca: this.ca, method: "POST", headers, body: "{}" });
    const set = answer.one("set-cookie");
    if (set) this.cookie = set.split(";")[0];
    return answer;
  }

  /**
   * Counts one visit and returns the number. A 502 is repeated as visitors do, because no node has received the
   * request.
   */
  async count(): Promise<number> {
    let answer = await this.visit();
    for (let again = 0; answer.status === 502 && again < MOST_AGAIN; again += 1) {
      this.unsent += 1;
      await pause(AGAIN_MS);
      answer = await this.visit();
    }
    if (answer.status !== 200) throw new Error(`answered ${answer.status}: ${answer.text}`);
    return JSON.parse(answer.text).visits;
  }
}
