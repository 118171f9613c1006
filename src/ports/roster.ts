// Which workers there are, whoever started them: each tells of itself, again and again.

export interface WorkerRecord {
  /** The one under which it holds its leases; unique among the living. */
  readonly name: string;
  /** The kinds of jobs that it takes. */
  readonly kinds: readonly string[];
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** When it last told of itself (ms since 1970). */
  readonly seenAt: number;
}

/**
 * Contract, for every adapter:
 * - What resolves is visible to every process; it survives processes, but need not survive a power cut.
 * - A record that was last seen an hour or more before one that is entered is forgotten.
 * - Errors are Faults: `no-space`, `busy`, `corrupt`, `internal`.
 */
export interface Roster {
  /** Adds the worker, or replaces what was told of it. */
  enter(worker: WorkerRecord): Promise<void>;

  /** Removes it; one that is not there is no error. */
  leave(name: string): Promise<void>;

  /** Those seen at or after `since` (ms since 1970), the oldest first. */
  list(since: number): Promise<readonly WorkerRecord[]>;
}
