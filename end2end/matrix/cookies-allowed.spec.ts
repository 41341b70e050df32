/** The table of cookies, in a Chromium that lets third parties have theirs. */

import { holdAgainstTable } from "./cookies";

holdAgainstTable("allowed");
