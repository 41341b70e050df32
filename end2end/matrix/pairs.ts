/** What is paired with what. Ours take part when RELEASE names the program; without it they are not listed. */

import { EXPRESS, HARDTACK as HARDTACK_API } from "./apis";
import type { Api } from "./apis";
import { HARDTACK as HARDTACK_PAGES, VUE } from "./front-ends";
import type { FrontEnd } from "./front-ends";
import { program } from "./hardtack";

export type Pair = { name: string; frontEnd: FrontEnd; api: Api };

const frontEnds = program ? [VUE, HARDTACK_PAGES] : [VUE];
const apis = program ? [EXPRESS, HARDTACK_API] : [EXPRESS];

export const pairs: Pair[] = frontEnds.flatMap((frontEnd) =>
  apis.map((api) => ({ name: `${frontEnd.name} and ${api.name}`, frontEnd, api })),
);
