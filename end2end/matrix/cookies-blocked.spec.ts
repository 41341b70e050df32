/** The table of cookies, in a Chromium that blocks those of third parties. */

import { holdAgainstTable } from "./cookies";

holdAgainstTable("blocked");
