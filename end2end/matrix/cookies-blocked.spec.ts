/** The table of cookies, in a Chromium that blocks third-party cookies. */

import { holdAgainstTable } from "./cookies";

holdAgainstTable("blocked");
