// The one file that knows which HTTP status answers which fault.

import type { Code } from "../../wire/faults.ts";

export const STATUS = {
  invalid: 400,
  mismatch: 400,
  unauthenticated: 401,
  forbidden: 403,
  "not-found": 404,
  "not-ready": 409,
  exists: 409,
  conflict: 409,
  replaced: 409,
  gone: 410,
  evicted: 410,
  precondition: 412,
  "too-large": 413,
  "unsupported-media": 415,
  range: 416,
  checksum: 460,
  cancelled: 499,
  corrupt: 500,
  internal: 500,
  unreachable: 502,
  busy: 503,
  "out-of-memory": 507,
  "no-space": 507,
} as const satisfies Record<Code, number>;
