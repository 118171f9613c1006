// Who may break a rule of the architecture test, and why. An empty list is the aim.

import type { Exceptions } from "./rules.ts";

/** Longer than 300 lines. */
export const LONG_FILES: Exceptions = {};

/** Tests that let real time pass. */
export const TIMED_TESTS: Exceptions = {
  "test/faults/kv-kill.test.ts": "kills at a random moment",
  "test/faults/kill.test.ts": "it kills at a random moment, so the moment is what it waits for",
  "test/support/until.ts": "the one place that polls, for what only asking can tell",
};

/** Contracts that promise nothing a suite could hold them to. */
export const PORTS_WITHOUT_SUITE: Exceptions = {
  log: "it takes words and gives nothing back",
};
