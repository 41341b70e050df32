/** Fixtures that all tests of one worker share. */

import type { WorkerFixture } from "@playwright/test";
import { Authority } from "./authority";
import { Server } from "./server";

export type PerWorker<T, Needs extends object = object> = [WorkerFixture<T, Needs>, { scope: "worker" }];

export const server: PerWorker<Server> = [
  async ({}, use) => {
    const server = await Server.start();
    await use(server);
    await server.stop();
  },
  { scope: "worker" },
];

export const authority: PerWorker<Authority> = [
  async ({}, use) => {
    const authority = await Authority.make();
    await use(authority);
    await authority.remove();
  },
  { scope: "worker" },
];
