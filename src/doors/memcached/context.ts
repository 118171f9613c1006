// What the sessions of one memcached door share.

import type { Credentials } from "../../domain/access/credentials.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Kv } from "../../ports/kv.ts";
import type { Log } from "../../ports/log.ts";
import type { ReplyBuffer } from "../../wire/memcached/encoder.ts";
import type { ParserLimits } from "../../wire/memcached/parser.ts";
import type { Failures } from "./failures.ts";
import type { Figures } from "./figures.ts";
import type { StatsSource } from "./stats.ts";

/** What a session needs of its door. */
export interface DoorContext {
  readonly kv: Kv;
  readonly log: Log;
  readonly clock: Clock;
  readonly limits: ParserLimits;
  readonly figures: Figures;
  readonly failures: Failures;
  /** As `VERSION` tells it. */
  readonly version: string;
  /** Shared: a session fills and sends it without giving way in between. */
  readonly out: ReplyBuffer;
  /** undefined: nobody is asked for a password. */
  credentials(): Credentials | undefined;
  statsSource(): StatsSource;
}
