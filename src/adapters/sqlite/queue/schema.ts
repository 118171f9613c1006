// The queue's tables, and how a row of them is a job.

import type { Job, JobState, Json } from "../../../ports/queue.ts";
import { Fault } from "../../../wire/faults.ts";

/** "CQUE": marks a file as a queue of ours. */
export const QUEUE_APPLICATION_ID = 0x43515545;

/**
 * `seq` is the order of adding, which no clock can disturb. Ended jobs are in none of the partial indices that
 * claiming and recovering use, so a million of them cost a claim nothing; counts are kept by triggers for the same reason.
 */
export const QUEUE_MIGRATIONS = [
  `
  CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    idempotency_key TEXT UNIQUE,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    token TEXT,
    lease_expires_at INTEGER,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    input TEXT NOT NULL,
    progress TEXT,
    error TEXT,
    result TEXT NOT NULL DEFAULT 'null',
    log TEXT NOT NULL DEFAULT '[]'
  ) STRICT;
  CREATE INDEX jobs_claimable ON jobs (priority DESC, seq) WHERE state = 'queued';
  CREATE INDEX jobs_leased ON jobs (lease_expires_at) WHERE state = 'running';
  CREATE INDEX jobs_ended ON jobs (finished_at) WHERE finished_at IS NOT NULL;
  CREATE INDEX jobs_by_state ON jobs (state, seq);
  CREATE INDEX jobs_by_kind ON jobs (kind, seq);
  CREATE TABLE counts (state TEXT PRIMARY KEY, jobs INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO counts VALUES ('queued', 0), ('running', 0), ('succeeded', 0), ('failed', 0), ('cancelled', 0);
  CREATE TRIGGER jobs_added AFTER INSERT ON jobs BEGIN
    UPDATE counts SET jobs = jobs + 1 WHERE state = new.state;
  END;
  CREATE TRIGGER jobs_removed AFTER DELETE ON jobs BEGIN
    UPDATE counts SET jobs = jobs - 1 WHERE state = old.state;
  END;
  CREATE TRIGGER jobs_changed AFTER UPDATE OF state ON jobs WHEN old.state <> new.state BEGIN
    UPDATE counts SET jobs = jobs - 1 WHERE state = old.state;
    UPDATE counts SET jobs = jobs + 1 WHERE state = new.state;
  END;
  `,
  // A notice is written by the end itself, in one commit, whichever process ends the job.
  `
  ALTER TABLE jobs ADD COLUMN webhook TEXT;
  CREATE TABLE notices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL,
    url TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX notices_due ON notices (due_at);
  CREATE TRIGGER jobs_noticed AFTER UPDATE OF finished_at ON jobs
  WHEN new.finished_at IS NOT NULL AND old.finished_at IS NULL AND new.webhook IS NOT NULL BEGIN
    INSERT INTO notices (job_id, url, due_at) VALUES (new.id, new.webhook, new.finished_at);
  END;
  `,
  `
  CREATE TABLE workers (
    name TEXT PRIMARY KEY,
    kinds TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // Counts are of each kind. The index covers what claiming looks for, so that jobs of later or of paused kinds are passed over quickly.
  `
  DROP TRIGGER jobs_added;
  DROP TRIGGER jobs_removed;
  DROP TRIGGER jobs_changed;
  DROP TABLE counts;
  CREATE TABLE counts (
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    jobs INTEGER NOT NULL,
    PRIMARY KEY (kind, state)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO counts SELECT kind, state, count(*) FROM jobs GROUP BY kind, state;
  CREATE TRIGGER jobs_added AFTER INSERT ON jobs BEGIN
    INSERT INTO counts VALUES (new.kind, new.state, 1) ON CONFLICT DO UPDATE SET jobs = jobs + 1;
  END;
  CREATE TRIGGER jobs_removed AFTER DELETE ON jobs BEGIN
    UPDATE counts SET jobs = jobs - 1 WHERE kind = old.kind AND state = old.state;
  END;
  CREATE TRIGGER jobs_changed AFTER UPDATE OF state ON jobs WHEN old.state <> new.state BEGIN
    UPDATE counts SET jobs = jobs - 1 WHERE kind = old.kind AND state = old.state;
    INSERT INTO counts VALUES (new.kind, new.state, 1) ON CONFLICT DO UPDATE SET jobs = jobs + 1;
  END;
  CREATE TABLE paused (kind TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  DROP INDEX jobs_claimable;
  CREATE INDEX jobs_claimable ON jobs (priority DESC, seq, run_at, kind) WHERE state = 'queued';
  `,
] as const;

export interface JobRow {
  readonly seq: number;
  readonly id: string;
  readonly kind: string;
  readonly state: JobState;
  readonly priority: number;
  readonly run_at: number;
  readonly attempts: number;
  readonly max_attempts: number;
  readonly idempotency_key: string | null;
  readonly cancel_requested: number;
  readonly webhook: string | null;
  readonly worker: string | null;
  readonly token: string | null;
  readonly lease_expires_at: number | null;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
  readonly input: string;
  readonly progress: string | null;
  readonly error: string | null;
  readonly result: string;
  readonly log: string;
}

export function jobOf(row: JobRow): Job {
  return {
    id: row.id,
    kind: row.kind,
    input: parse(row, row.input),
    state: row.state,
    priority: row.priority,
    runAt: row.run_at,
    attempts: row.attempts,
    maxAttempts: row.max_attempts,
    idempotencyKey: row.idempotency_key,
    progress: row.progress === null ? null : parse(row, row.progress),
    log: parse(row, row.log),
    error: row.error === null ? null : parse(row, row.error),
    result: parse<Json>(row, row.result),
    cancelRequested: row.cancel_requested === 1,
    webhook: row.webhook,
    worker: row.worker,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

/** Only our own code writes these columns, so their shape is taken as known. */
function parse<T>(row: JobRow, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new Fault("corrupt", `the stored job ${row.id} is damaged`, { cause });
  }
}
