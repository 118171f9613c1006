// The system's own clock.

import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../ports/clock.ts";

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    try {
      await delay(ms, undefined, signal ? { signal } : {});
    } catch (error) {
      // The timer's AbortError hides why; whoever aborted said it better.
      throw signal?.aborted ? signal.reason : error;
    }
  },
};
