// The one table of exit codes, documented in docs/cli.md.

import type { Code } from "../wire/faults.ts";

export const EXIT_USAGE = 2;

export const EXIT = {
  internal: 1,
  invalid: 1,
  "not-ready": 1,
  conflict: 1,
  precondition: 1,
  range: 1,
  busy: 1,
  "unsupported-media": 1,
  "not-found": 3,
  gone: 3,
  exists: 4,
  evicted: 5,
  corrupt: 6,
  mismatch: 6,
  checksum: 6,
  "too-large": 7,
  unreachable: 8,
  replaced: 9,
  "no-space": 10,
  "out-of-memory": 10,
  unauthenticated: 11,
  forbidden: 11,
  cancelled: 130,
} as const satisfies Record<Code, number>;
