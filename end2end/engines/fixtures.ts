/** What every test of this folder starts from: one engine, and a release of its own. */

import { expect, test as base } from "@playwright/test";
import { Authority } from "../authority";
import { HARDTACK as API } from "../matrix/apis";
import { Deployment, type Place } from "../matrix/deployment";
import { HARDTACK as PAGES } from "../matrix/front-ends";
import { Server } from "../server";
import { Firefox } from "./firefox";
import type { EngineName } from "./installed";
import { Names } from "./names";
import type { Engine, Tab, Target, Visitor } from "./tab";
import { WebKit } from "./webkit";

export { expect };
export type { Tab, Target, Visitor };

type Fixtures = {
  /** A visitor who leaves when the test ends. */
  visitor: (javaScript?: "with" | "without") => Promise<Visitor>;
  /** Starts our pages and our server, each on an origin of its own; they are stopped when the test ends. */
  deploy: (place: Place) => Promise<Deployment>;
};

export type Shared = {
  engineName: EngineName;
  names: Names;
  engine: Engine;
  server: Server;
  authority: Authority;
};

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
  engine: [
    async ({ engineName, names }, use) => {
      const engine = await { Firefox, WebKitGTK: WebKit }[engineName].start(names.port);
      await use(engine);
      await engine.stop();
    },
    { scope: "worker", timeout: 60_000 },
  ],
  server: [
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  authority: [
    async ({}, use) => {
      const authority = await Authority.make();
      await use(authority);
      await authority.remove();
    },
    { scope: "worker" },
  ],
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
  visitor: async ({ engine }, use) => {
    const visitors: Visitor[] = [];
    await use(async (javaScript) => {
      const visitor = await engine.visitor(javaScript);
      visitors.push(visitor);
      return visitor;
    });
    await Promise.all(visitors.map((visitor) => visitor.close()));
  },
});

