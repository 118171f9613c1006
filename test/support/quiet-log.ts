// A log that nobody reads.

import type { Log } from "../../src/ports/log.ts";

const drop = () => undefined;

export const quietLog: Log = { debug: drop, info: drop, warn: drop, error: drop };
