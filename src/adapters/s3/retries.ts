// Asks again what a service did not answer, or answered with an error that passes.

import { setTimeout as sleep } from "node:timers/promises";
import { isFault } from "../../wire/faults.ts";

const ATTEMPTS = 6;
const FIRST_PAUSE = 50;

/** Pauses of 50 ms, 100 ms, … with some chance in them, so that many readers do not come back at once. */
export async function retried<T>(signal: AbortSignal | undefined, ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      if (!isFault(error, "unreachable") || attempt === ATTEMPTS) throw error;
    }
    const pause = FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + Math.random());
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}
