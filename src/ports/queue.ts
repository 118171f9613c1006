// Jobs: added once, worked on under a lease, ended once.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * queued → running → succeeded | failed | cancelled; running → queued when an attempt fails with attempts
 * left, or its lease runs out. A job with `runAt` in the future is queued but not claimable.
 */
export type JobState = "queued" | "running" | "succeeded" | "failed" | "cancelled";

export interface JobProgress {
  readonly done: number;
  /** 0 while unknown. */
  readonly total: number;
  /** Units per second, lately; absent until it is known. */
  readonly rate?: number;
  /** What is counted. */
  readonly unit: "bytes" | "rows" | "files";
  /** A few words on what is being done now, e.g. "merging 300 files". */
  readonly phase: string;
}

export interface JobError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

export interface JobLogLine {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly text: string;
}

export interface Job {
  readonly id: string;
  readonly kind: string;
  readonly input: Json;
  readonly state: JobState;
  /** Higher first; 0 by default. Among equals the older first. */
  readonly priority: number;
  /** Not before this time (ms since 1970). */
  readonly runAt: number;
  /** Times it was claimed. */
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly idempotencyKey: string | null;
  readonly progress: JobProgress | null;
  /** The last 200 lines. */
  readonly log: readonly JobLogLine[];
  /** Of the last failed attempt. */
  readonly error: JobError | null;
  /** What the kind's handler returned, e.g. `{ "file": "<file id>" }`. Set exactly when succeeded. */
  readonly result: Json;
  readonly cancelRequested: boolean;
  /** An http(s) URL that is told of the job's end (see ports/outbox.ts). */
  readonly webhook: string | null;
  /** The worker that holds it, or held it last. */
  readonly worker: string | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

export interface NewJob {
  /** Our own random id: it may be handed out before the job is added. */
  readonly id: string;
  readonly kind: string;
  readonly input: Json;
  readonly priority?: number;
  /** ms since 1970; default: now. */
  readonly runAt?: number;
  /** Default 3. */
  readonly maxAttempts?: number;
  readonly idempotencyKey?: string;
  readonly webhook?: string;
}

/** The right to work on a job until `expiresAt`. It is lost when not extended in time, and cannot be regained. */
export interface Lease {
  readonly job: Job;
  readonly worker: string;
  /** Differs for every claim, so that a worker that lost its lease cannot end the job of its successor. */
  readonly token: string;
  readonly expiresAt: number;
}

export interface JobFilter {
  readonly state?: JobState;
  readonly kind?: string;
  /** Text in the id or in the JSON of the input. */
  readonly text?: string;
  /** Only jobs created at or after / before this time (ms since 1970). */
  readonly since?: number;
  readonly until?: number;
  /** 1 to 1,000. */
  readonly limit: number;
  /** The `next` of the page before; opaque. */
  readonly after?: string;
}

export interface JobPage {
  /** Newest first, and without their logs: each is empty. */
  readonly jobs: readonly Job[];
  readonly next: string | null;
}

/**
 * Contract, for every adapter:
 * - What resolves is durable, and visible to every process.
 * - At any time at most one valid lease exists for a job. `complete`, `fail` and `extend` with a lease that
 *   is no longer valid are Fault `conflict` and change nothing.
 * - A job ends exactly once (and again if it is retried); with a `webhook`, the end and its notice are one commit.
 * - Time comes from the injected clock, in ms.
 * - Errors are Faults: `conflict`, `not-found`, `invalid` (a foreign cursor), `no-space`, `unreachable`, `internal`.
 */
export interface Queue {
  /** Adds the job; with an `idempotencyKey` that is known it returns the job that has it, whatever its state. */
  add(job: NewJob): Promise<Job>;

  /** The most urgent claimable job of one of these kinds that is not paused (see ports/queue-state.ts), now running, with a lease of `leaseMs`; or undefined. */
  claim(worker: string, kinds: readonly string[], leaseMs: number): Promise<Lease | undefined>;

  /** The heartbeat: prolongs the lease, stores progress and new log lines. Tells whether cancelling was asked for. */
  extend(
    lease: Lease,
    leaseMs: number,
    report?: { readonly progress?: JobProgress; readonly log?: readonly JobLogLine[] },
  ): Promise<{ readonly cancelRequested: boolean; readonly expiresAt: number }>;

  complete(lease: Lease, result: Json): Promise<void>;

  /** Gives the job back unfinished, to be claimed again at once; the attempt does not count. For a worker that stops. */
  release(lease: Lease): Promise<void>;

  /**
   * Ends this attempt with an error: the job is queued again not before `retryAt` (ms since 1970) if attempts
   * are left, else failed. `retryAt: null` fails it at once. Code `cancelled` makes it cancelled.
   */
  fail(lease: Lease, error: JobError, retryAt: number | null): Promise<Job>;

  /** A queued job is cancelled at once; a running one learns of it at its next `extend`. Returns the job as it is now. */
  cancel(id: string): Promise<Job>;

  /** Puts a failed or cancelled job back into the queue with its attempts forgiven. Fault `conflict` in another state. */
  retry(id: string): Promise<Job>;

  /** Removes those that have ended among these jobs, and returns them, so results can go too; up to 1,000. */
  remove(ids: readonly string[]): Promise<readonly Job[]>;

  get(id: string): Promise<Job | undefined>;

  page(filter: JobFilter): Promise<JobPage>;

  counts(): Promise<Readonly<Record<JobState, number>>>;

  /**
   * Puts jobs whose lease ran out back into the queue (or fails them when attempts are used up, or cancels
   * them when that was asked for). Returns how many. Safe to call from many processes.
   *
   * `dead`: a worker that is known to have died, and how ("was killed by SIGKILL"); its leases count as run out.
   */
  recover(dead?: { readonly worker: string; readonly how: string }): Promise<number>;

  /**
   * Removes up to `limit` jobs, the oldest first, of those that ended at or before `at` (ms since 1970) or are not
   * among the newest `keep` that have ended; returns them, so results can go too.
   */
  prune(at: number, keep: number, limit: number): Promise<readonly Job[]>;
}
