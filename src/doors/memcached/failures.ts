// What the store could not do, in the log: of one that goes on failing a line a second, for a full disk has no room for more.

import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { type Code, toFault } from "../../wire/faults.ts";

const PAUSE_MS = 1_000;
/** Of different ones; more than a disk has ways to fail. */
const MOST_KEPT = 32;

interface Logged {
  at: number;
  /** Commands that failed so since then. */
  commands: number;
}

export class Failures {
  readonly #log: Log;
  readonly #clock: Pick<Clock, "now">;
  /** By message. */
  readonly #logged = new Map<string, Logged>();

  constructor(log: Log, clock: Pick<Clock, "now">) {
    this.#log = log;
    this.#clock = clock;
  }

  /** `commands`: how many came to nothing by it. */
  report(error: unknown, commands: number): Code {
    const { code, message, hint } = toFault(error);
    const now = this.#clock.now();
    const last = this.#logged.get(message);
    const all = commands + (last?.commands ?? 0);
    // A clock that was set back keeps nothing quiet.
    if (last && now >= last.at && now - last.at < PAUSE_MS) {
      last.commands = all;
      return code;
    }
    if (this.#logged.size >= MOST_KEPT) this.#logged.clear();
    this.#logged.set(message, { at: now, commands: 0 });
    this.#log.error("memcached.failed", {
      code,
      error: message,
      ...(hint !== undefined && { hint }),
      commands: all,
    });
    return code;
  }
}
