/** The fixtures of the tests in this folder: one engine and a separate release. */

import { expect, test as base } from "@playwright/test";
import type { Authority } from "../authority";
import { HARDTACK as API } from "../matrix/apis";
import { Deployment, type Place } from "../matrix/deployment";
import { HARDTACK as PAGES } from "../matrix/front-ends";
import type { Server } from "../server";
import { authority, server } from "../shared";
import { Firefox } from "./firefox";
import type { EngineName } from "./installed";
import { Names } from "./names";
import type { Engine, Tab, Target, ThirdParties, Visitor } from "./tab";
import { WebKit } from "./webkit";

export { expect };
export type { Tab, Target, ThirdParties, Visitor };

type Fixtures = {
  /** Opens a visitor's browser, which is closed when the test ends. */
  visitor: (javaScript?: "with" | "without") => Promise<Visitor>;
  /** Starts our pages and our server, each on its own origin. They are stopped when the test ends. */
  deploy: (place: Place) => Promise<Deployment>;
};

export type Shared = {
  engineName: EngineName;
  names: Names;
  /** Returns the engine with this setting, which is started once. */
  engineThat: (thirdPartyCookies: ThirdParties) => Promise<Engine>;
  server: Server;
  authority: Authority;
};

const engines = { Firefox, WebKitGTK: WebKit };

/** The default handling of third-party cookies. */
const DELIVERED = { Firefox: "allowed", WebKitGTK: "blocked" } as const;

export const test = base.extend<Fixtures, Shared>({
  engineName: ["Firefox", { scope: "worker", option: true }],
  names: [
    async ({}, use) => {
      const names = await Names.start();
      await use(names);
      await names.stop();
    },
    { scope: "worker" },
  ],
  engineThat: [
    async ({ engineName, names }, use) => {
      const started = new Map<ThirdParties, Promise<Engine>>();
      await use((thirdPartyCookies) => {
        const engine = started.get(thirdPartyCookies) ?? engines[engineName].start(names.port, thirdPartyCookies);
        started.set(thirdPartyCookies, engine);
        return engine;
      });
      for (const engine of started.values()) await (await engine).stop();
    },
    { scope: "worker", timeout: 60_000 },
  ],
  server,
  authority,
  deploy: async ({ authority }, use) => {
    const started: Deployment[] = [];
    await use(async (place) => {
      const pair = { name: "Hardtack's pages and Hardtack", frontEnd: PAGES, api: API };
      const deployment = await Deployment.start(pair, place, authority);
      started.push(deployment);
      return deployment;
    });
    for (const deployment of started) await deployment.stop();
  },
  visitor: async ({ engineThat, engineName }, use) => {
    const visitors: Visitor[] = [];
    await use(async (javaScript) => {
      const engine = await engineThat(DELIVERED[engineName]);
      const visitor = await engine.visitor(javaScript);
      visitors.push(visitor);
      return visitor;
    });
    await Promise.all(visitors.map((visitor) => visitor.close()));
  },
});

