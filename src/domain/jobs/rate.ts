// How fast a job gets on: smoothed over some heartbeats, started anew with every phase.

import type { JobProgress } from "../../ports/queue.ts";

/** The weight of the newest stretch. */
const NEWEST = 0.3;

export class Rate {
  #last: { readonly at: number; readonly progress: JobProgress } | undefined;
  #rate: number | undefined;

  /** Units per second; undefined until two looks at the same phase have seen something done. */
  next(progress: JobProgress, now: number): number | undefined {
    const last = this.#last;
    if (last && now === last.at && last.progress.phase === progress.phase) return this.#rate;
    this.#last = { at: now, progress };
    if (!last || last.progress.phase !== progress.phase || progress.done < last.progress.done) {
      this.#rate = undefined;
      return undefined;
    }
    const current = ((progress.done - last.progress.done) * 1_000) / Math.max(1, now - last.at);
    if (this.#rate === undefined && current === 0) return undefined;
    this.#rate = Math.round(
      this.#rate === undefined ? current : this.#rate + NEWEST * (current - this.#rate),
    );
    return this.#rate;
  }
}
