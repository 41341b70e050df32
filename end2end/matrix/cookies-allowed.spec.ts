/** The table of cookies, in a Chromium that allows third-party cookies. */

import { holdAgainstTable } from "./cookies";

holdAgainstTable("allowed");
