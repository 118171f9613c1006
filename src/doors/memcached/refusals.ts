// The one table from faults to lines of the memcached protocol. Clients know a SERVER_ERROR; lines stay under 80 bytes.

import type { Code } from "../../wire/faults.ts";

const DEFECT = "SERVER_ERROR internal error";

export const REFUSALS = {
  "no-space": "SERVER_ERROR out of memory storing object: the disk is full",
  "out-of-memory": "SERVER_ERROR out of memory storing object",
  corrupt: "SERVER_ERROR the database file is damaged, run 'cairn check'",
  forbidden: "SERVER_ERROR the database file cannot be written",
  busy: "SERVER_ERROR the database is locked, try again",
  unreachable: "SERVER_ERROR the database cannot be read or written, see the server's log",
  "too-large": "SERVER_ERROR object too large for cache",
  unauthenticated: "CLIENT_ERROR unauthenticated",
  cancelled: "SERVER_ERROR the server is stopping",
  internal: DEFECT,
  invalid: DEFECT,
  "unsupported-media": DEFECT,
  "not-found": DEFECT,
  "not-ready": DEFECT,
  exists: DEFECT,
  conflict: DEFECT,
  gone: DEFECT,
  precondition: DEFECT,
  range: DEFECT,
  mismatch: DEFECT,
  checksum: DEFECT,
  evicted: DEFECT,
  replaced: DEFECT,
} as const satisfies Record<Code, string>;
