// Removes what expired, a few items at a time, so that no command waits for it.

import type { Clock } from "../../ports/clock.ts";
import type { Kv } from "../../ports/kv.ts";
import type { Log } from "../../ports/log.ts";
import { toFault } from "../../wire/faults.ts";

export interface SweeperOptions {
  readonly kv: Pick<Kv, "sweep">;
  readonly clock: Clock;
  readonly log: Log;
}

/** Between two looks for expired items. They are absent from their time on, swept or not. */
const PAUSE_MS = 10_000;
/** One transaction's worth: some milliseconds. */
const BATCH = 200;
/** Between two batches, so that the commits of clients come first. */
const BREATH_MS = 20;

/** Runs until it is disposed; then no sweep is under way any more. */
export function startSweeper(options: SweeperOptions): AsyncDisposable {
  const stopping = new AbortController();
  const running = run(options, stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

async function run({ kv, clock, log }: SweeperOptions, signal: AbortSignal): Promise<void> {
  let pause = PAUSE_MS;
  while (!signal.aborted) {
    try {
      await clock.sleep(pause, signal);
      pause = (await kv.sweep(BATCH)) < BATCH ? PAUSE_MS : BREATH_MS;
    } catch (error) {
      // A full disk passes; the next look tries again.
      pause = PAUSE_MS;
      if (!signal.aborted) log.error("items.sweep-failed", { error: toFault(error).message });
    }
  }
}
