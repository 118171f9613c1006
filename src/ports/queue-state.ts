// The queue as a whole: what it holds of each kind of job, which kinds are paused, and whether anything has changed.

import type { JobState } from "./queue.ts";

export interface KindState {
  readonly kind: string;
  /** No job of this kind is claimed; those that run go on. */
  readonly isPaused: boolean;
  readonly jobs: Readonly<Record<JobState, number>>;
}

/**
 * Contract, for every adapter:
 * - What resolves is durable, and visible to every process: no claim that begins after `pause` gives a job of a paused kind.
 * - Errors are Faults: `no-space`, `busy`, `corrupt`, `internal`.
 */
export interface QueueState {
  /** Every kind that has jobs or is paused, by name. */
  kinds(): Promise<readonly KindState[]>;

  /** Pauses the kind, or lets it go on; it need not have any jobs. */
  pause(kind: string, isPaused: boolean): Promise<void>;

  /**
   * Another text than before whenever a job or a pause has changed, whichever process changed it; it may also be another
   * when nothing has. Cheap enough to be asked for many times a second.
   */
  revision(): Promise<string>;
}
