/** The tested pairs of front ends and APIs. Ours take part if RELEASE is set. */

import { isNamed } from "../hardtack";
import { EXPRESS, HARDTACK as HARDTACK_API } from "./apis";
import type { Api } from "./apis";
import { HARDTACK as HARDTACK_PAGES, VUE } from "./front-ends";
import type { FrontEnd } from "./front-ends";

export type Pair = { name: string; frontEnd: FrontEnd; api: Api };

const frontEnds = isNamed ? [VUE, HARDTACK_PAGES] : [VUE];
const apis = isNamed ? [EXPRESS, HARDTACK_API] : [EXPRESS];

export const pairs: Pair[] = frontEnds.flatMap((frontEnd) =>
  apis.map((api) => ({ name: `${frontEnd.name} and ${api.name}`, frontEnd, api })),
);
