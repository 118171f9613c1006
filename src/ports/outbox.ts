// Notices of ended jobs and uploads that are still to be sent to their webhooks.

export interface Notice {
  /** Differs for every event, and stays the same for every attempt to send it. */
  readonly id: string;
  /** What it is about, by an id of our own making that may stand in a header: a job's, or an upload's staging id. */
  readonly subject: string;
  /** The body to send, kept as it was at the event; null: it is made from the subject when it is sent. */
  readonly content: string | null;
  readonly url: string;
  /** Times it was tried in vain. */
  readonly attempts: number;
  /** Not to be sent before this time (ms since 1970). */
  readonly dueAt: number;
}

export type NewNotice = Pick<Notice, "subject" | "content" | "url" | "dueAt">;

/**
 * The queue puts a notice in when a job with a webhook ends, the records with a change that has one: in the same commit.
 * Contract, for every adapter:
 * - A notice is there until it is removed, across restarts: so it is sent at least once.
 * - What resolves is durable.
 * - Errors are Faults: `no-space`, `unreachable`, `internal`.
 */
export interface Outbox {
  /** Up to `limit` notices that are due at `now` (ms since 1970), the longest due first. */
  due(now: number, limit: number): Promise<readonly Notice[]>;

  /** It was tried in vain once more; the next time is at `dueAt`. */
  postpone(id: string, dueAt: number): Promise<void>;

  /** It was delivered, or given up. Idempotent. */
  remove(id: string): Promise<void>;
}
