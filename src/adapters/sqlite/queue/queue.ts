// The queue in an SQLite file that the server and all its worker processes open at once.

import type { Database } from "bun:sqlite";
import type { Clock } from "../../../ports/clock.ts";
import type {
  Job,
  JobError,
  JobFilter,
  JobLogLine,
  JobPage,
  JobProgress,
  JobState,
  Json,
  Lease,
  NewJob,
  Queue,
} from "../../../ports/queue.ts";
import { Fault } from "../../../wire/faults.ts";
import { explain, openDatabase, type SyncMode } from "../database.ts";
import { GroupCommit } from "../group-commit.ts";
import { afterFailure, lostWorker } from "./failures.ts";
import { pageOfJobs } from "./pages.ts";
import { pruneJobs, removeJobs } from "./pruning.ts";
import { type JobRow, jobOf, QUEUE_APPLICATION_ID, QUEUE_MIGRATIONS } from "./schema.ts";
import { countsOf } from "./state.ts";

export interface SqliteQueueOptions {
  readonly path: string;
  readonly sync: SyncMode;
  readonly clock: Clock;
}

const KEPT_LOG_LINES = 200;
const DEFAULT_ATTEMPTS = 3;
const VALID_LEASE = "id = $id AND token = $token AND state = 'running' AND lease_expires_at > $now";
const TO_QUEUE = "state = 'queued', token = NULL, lease_expires_at = NULL, progress = NULL";
const TO_END = "token = NULL, lease_expires_at = NULL, finished_at = $now";

export class SqliteQueue implements Queue, AsyncDisposable {
  readonly #db: Database;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #commits: GroupCommit;

  /** Opens or creates the file. Faults as `openDatabase`. */
  static open(options: SqliteQueueOptions): SqliteQueue {
    const { path, sync } = options;
    const db = openDatabase({
      path,
      sync,
      applicationId: QUEUE_APPLICATION_ID,
      migrations: QUEUE_MIGRATIONS,
    });
    return new SqliteQueue(db, options);
  }

  private constructor(db: Database, { path, clock }: SqliteQueueOptions) {
    this.#db = db;
    this.#path = path;
    this.#clock = clock;
    this.#commits = new GroupCommit(db, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#commits.flush();
    this.#db.close();
  }

  add(job: NewJob): Promise<Job> {
    return this.#commits.run(() => {
      const key = job.idempotencyKey ?? null;
      const known = this.#row("SELECT * FROM jobs WHERE idempotency_key = $key", { key });
      if (known) return jobOf(known);
      const added = this.#row(
        `INSERT INTO jobs (id, kind, state, priority, run_at, max_attempts, idempotency_key, created_at, input, webhook)
         VALUES ($id, $kind, 'queued', $priority, $runAt, $maxAttempts, $key, $now, $input, $webhook)
         ON CONFLICT DO NOTHING RETURNING *`,
        {
          id: job.id,
          kind: job.kind,
          priority: job.priority ?? 0,
          runAt: job.runAt ?? this.#clock.now(),
          maxAttempts: job.maxAttempts ?? DEFAULT_ATTEMPTS,
          key,
          now: this.#clock.now(),
          input: JSON.stringify(job.input),
          webhook: job.webhook ?? null,
        },
      );
      if (added) return jobOf(added);
      throw new Fault("conflict", `the job id ${job.id} is taken`);
    });
  }

  async claim(worker: string, kinds: readonly string[], leaseMs: number): Promise<Lease | undefined> {
    // A look before the write lock: idle workers must not disturb each other.
    if (!this.#claimable(kinds)) return undefined;
    return this.#commits.run(() => {
      const next = this.#claimable(kinds);
      if (!next) return undefined;
      const now = this.#clock.now();
      const token = crypto.randomUUID();
      const expiresAt = now + leaseMs;
      const row = this.#row(
        `UPDATE jobs SET state = 'running', attempts = attempts + 1, worker = $worker, token = $token,
           lease_expires_at = $expiresAt, started_at = $now, progress = NULL
         WHERE seq = $seq RETURNING *`,
        { seq: next.seq, worker, token, expiresAt, now },
      );
      return row && { job: jobOf(row), worker, token, expiresAt };
    });
  }

  extend(
    lease: Lease,
    leaseMs: number,
    report: { readonly progress?: JobProgress; readonly log?: readonly JobLogLine[] } = {},
  ): Promise<{ readonly cancelRequested: boolean; readonly expiresAt: number }> {
    return this.#commits.run(() => {
      const held = this.#held(lease);
      const expiresAt = this.#clock.now() + leaseMs;
      const log = report.log?.length ? [...jobOf(held).log, ...report.log].slice(-KEPT_LOG_LINES) : undefined;
      this.#db
        .query(
          `UPDATE jobs SET lease_expires_at = $expiresAt, progress = coalesce($progress, progress),
             log = coalesce($log, log) WHERE seq = $seq`,
        )
        .run({
          seq: held.seq,
          expiresAt,
          progress: report.progress ? JSON.stringify(report.progress) : null,
          log: log ? JSON.stringify(log) : null,
        });
      return { cancelRequested: held.cancel_requested === 1, expiresAt };
    });
  }

  complete(lease: Lease, result: Json): Promise<void> {
    return this.#commits.run(() => {
      const { seq } = this.#held(lease);
      this.#row(
        `UPDATE jobs SET state = 'succeeded', result = $result, error = NULL, ${TO_END} WHERE seq = $seq RETURNING *`,
        { seq, now: this.#clock.now(), result: JSON.stringify(result) },
      );
    });
  }

  release(lease: Lease): Promise<void> {
    return this.#commits.run(() => {
      const { seq } = this.#held(lease);
      this.#row(`UPDATE jobs SET ${TO_QUEUE}, attempts = attempts - 1 WHERE seq = $seq RETURNING *`, { seq });
    });
  }

  fail(lease: Lease, error: JobError, retryAt: number | null): Promise<Job> {
    return this.#commits.run(() => {
      const held = this.#held(lease);
      const state = afterFailure(held, error, retryAt);
      return state === "queued"
        ? this.#requeue(held.seq, error, retryAt ?? this.#clock.now())
        : this.#end(held.seq, state, error);
    });
  }

  cancel(id: string): Promise<Job> {
    return this.#commits.run(() => {
      const row = this.#existing(id);
      if (row.state === "queued") return this.#end(row.seq, "cancelled", null);
      if (row.state !== "running") return jobOf(row);
      return this.#changed(
        this.#row("UPDATE jobs SET cancel_requested = 1 WHERE seq = $seq RETURNING *", { seq: row.seq }),
      );
    });
  }

  retry(id: string): Promise<Job> {
    return this.#commits.run(() => {
      const row = this.#existing(id);
      if (row.state !== "failed" && row.state !== "cancelled") {
        throw new Fault(
          "conflict",
          `the job ${id} is ${row.state}; only failed and cancelled jobs are retried`,
        );
      }
      return this.#changed(
        this.#row(
          `UPDATE jobs SET ${TO_QUEUE}, attempts = 0, cancel_requested = 0, error = NULL, run_at = $now,
             finished_at = NULL WHERE seq = $seq RETURNING *`,
          { seq: row.seq, now: this.#clock.now() },
        ),
      );
    });
  }

  remove(ids: readonly string[]): Promise<readonly Job[]> {
    return this.#commits.run(() => removeJobs(this.#db, ids));
  }

  async get(id: string): Promise<Job | undefined> {
    const row = this.#read(() => this.#row("SELECT * FROM jobs WHERE id = $id", { id }));
    return row && jobOf(row);
  }

  page(filter: JobFilter): Promise<JobPage> {
    return pageOfJobs(this.#db, this.#path, filter);
  }

  async counts(): Promise<Readonly<Record<JobState, number>>> {
    return this.#read(() => countsOf(this.#db));
  }

  async recover(dead?: { readonly worker: string; readonly how: string }): Promise<number> {
    const lost = () =>
      this.#db
        .query<JobRow, Record<string, string | number | null>>(
          "SELECT * FROM jobs WHERE state = 'running' AND (lease_expires_at <= $now OR worker = $dead)",
        )
        .all({ now: this.#clock.now(), dead: dead?.worker ?? null });
    if (this.#read(lost).length === 0) return 0;
    return this.#commits.run(() => {
      const rows = lost();
      for (const row of rows) {
        const error = lostWorker(row, dead);
        const state = afterFailure(row, error, this.#clock.now());
        if (state === "queued") this.#requeue(row.seq, error, this.#clock.now());
        else this.#end(row.seq, state, error);
      }
      return rows.length;
    });
  }

  prune(at: number, keep: number, limit: number): Promise<readonly Job[]> {
    return this.#commits.run(() => pruneJobs(this.#db, at, keep, limit));
  }

  #claimable(kinds: readonly string[]): JobRow | undefined {
    return this.#read(() =>
      this.#row(
        `SELECT * FROM jobs INDEXED BY jobs_claimable WHERE state = 'queued' AND run_at <= $now
           AND kind IN (SELECT value FROM json_each($kinds)) AND kind NOT IN (SELECT kind FROM paused) ORDER BY priority DESC, seq LIMIT 1`,
        { now: this.#clock.now(), kinds: JSON.stringify(kinds) },
      ),
    );
  }

  #held(lease: Lease): JobRow {
    const { id } = lease.job;
    const now = this.#clock.now();
    const row = this.#row(`SELECT * FROM jobs WHERE ${VALID_LEASE}`, { id, token: lease.token, now });
    if (row) return row;
    throw new Fault("conflict", `the worker ${lease.worker} no longer holds the job ${id}`);
  }

  #existing(id: string): JobRow {
    const row = this.#row("SELECT * FROM jobs WHERE id = $id", { id });
    if (row) return row;
    throw new Fault("not-found", `there is no job ${JSON.stringify(id.slice(0, 100))}`);
  }

  #requeue(seq: number, error: JobError, runAt: number): Job {
    return this.#changed(
      this.#row(`UPDATE jobs SET ${TO_QUEUE}, error = $error, run_at = $runAt WHERE seq = $seq RETURNING *`, {
        seq,
        error: JSON.stringify(error),
        runAt,
      }),
    );
  }

  #end(seq: number, state: "failed" | "cancelled", error: JobError | null): Job {
    return this.#changed(
      this.#row(
        `UPDATE jobs SET state = $state, error = coalesce($error, error), ${TO_END} WHERE seq = $seq RETURNING *`,
        { seq, state, now: this.#clock.now(), error: error && JSON.stringify(error) },
      ),
    );
  }

  #changed(row: JobRow | undefined): Job {
    if (row) return jobOf(row);
    throw new Fault("internal", "a job disappeared within a transaction");
  }

  #row(sql: string, values: Record<string, string | number | null>): JobRow | undefined {
    return this.#db.query<JobRow, Record<string, string | number | null>>(sql).get(values) ?? undefined;
  }

  #read<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explain(error, this.#path);
    }
  }
}
