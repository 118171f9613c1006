// The queue in memory: the reference that every other adapter must behave like.

import type { Clock } from "../../ports/clock.ts";
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
} from "../../ports/queue.ts";
import type { KindState, QueueState } from "../../ports/queue-state.ts";
import { Fault } from "../../wire/faults.ts";
import type { MemoryOutbox } from "./outbox.ts";

interface Entry {
  readonly seq: number;
  job: Job;
  /** Set exactly while the job is running. */
  lease: { readonly token: string; readonly expiresAt: number } | null;
}

const KEPT_LOG_LINES = 200;

export class MemoryQueue implements Queue, QueueState {
  readonly #clock: Clock;
  readonly #outbox: MemoryOutbox | undefined;
  /** In the order of adding. */
  readonly #entries = new Map<string, Entry>();
  readonly #paused = new Set<string>();
  #added = 0;

  /** `outbox`: where the ends of jobs with a webhook are noted. */
  constructor(clock: Clock, outbox?: MemoryOutbox) {
    this.#clock = clock;
    this.#outbox = outbox;
  }

  async add(job: NewJob): Promise<Job> {
    const key = job.idempotencyKey ?? null;
    const known = key === null ? undefined : this.#all().find((entry) => entry.job.idempotencyKey === key);
    if (known) return known.job;
    if (this.#entries.has(job.id)) throw new Fault("conflict", `the job id ${job.id} is taken`);
    const entry: Entry = { seq: ++this.#added, job: fresh(job, this.#clock.now()), lease: null };
    this.#entries.set(job.id, entry);
    return entry.job;
  }

  async claim(worker: string, kinds: readonly string[], leaseMs: number): Promise<Lease | undefined> {
    const now = this.#clock.now();
    const entry = this.#all()
      .filter(({ job }) => job.state === "queued" && job.runAt <= now && kinds.includes(job.kind))
      .filter(({ job }) => !this.#paused.has(job.kind))
      .sort((a, b) => b.job.priority - a.job.priority || a.seq - b.seq)[0];
    if (!entry) return undefined;
    entry.lease = { token: crypto.randomUUID(), expiresAt: now + leaseMs };
    entry.job = {
      ...entry.job,
      state: "running",
      attempts: entry.job.attempts + 1,
      worker,
      startedAt: now,
      progress: null,
    };
    return { job: entry.job, worker, ...entry.lease };
  }

  async extend(
    lease: Lease,
    leaseMs: number,
    report: { readonly progress?: JobProgress; readonly log?: readonly JobLogLine[] } = {},
  ): Promise<{ readonly cancelRequested: boolean; readonly expiresAt: number }> {
    const entry = this.#held(lease);
    const expiresAt = this.#clock.now() + leaseMs;
    entry.lease = { token: lease.token, expiresAt };
    const log = [...entry.job.log, ...(report.log ?? [])].slice(-KEPT_LOG_LINES);
    entry.job = { ...entry.job, progress: report.progress ?? entry.job.progress, log };
    return { cancelRequested: entry.job.cancelRequested, expiresAt };
  }

  async complete(lease: Lease, result: Json): Promise<void> {
    const entry = this.#held(lease);
    this.#end(entry, "succeeded", null, structuredClone(result));
  }

  async release(lease: Lease): Promise<void> {
    const entry = this.#held(lease);
    entry.lease = null;
    entry.job = { ...entry.job, state: "queued", progress: null, attempts: entry.job.attempts - 1 };
  }

  async fail(lease: Lease, error: JobError, retryAt: number | null): Promise<Job> {
    return this.#failed(this.#held(lease), error, retryAt);
  }

  async cancel(id: string): Promise<Job> {
    const entry = this.#existing(id);
    if (entry.job.state === "queued") return this.#end(entry, "cancelled", entry.job.error);
    if (entry.job.state === "running") entry.job = { ...entry.job, cancelRequested: true };
    return entry.job;
  }

  async retry(id: string): Promise<Job> {
    const entry = this.#existing(id);
    const { state } = entry.job;
    if (state !== "failed" && state !== "cancelled") {
      throw new Fault("conflict", `the job ${id} is ${state}; only failed and cancelled jobs are retried`);
    }
    entry.job = {
      ...entry.job,
      state: "queued",
      attempts: 0,
      cancelRequested: false,
      error: null,
      progress: null,
      runAt: this.#clock.now(),
      finishedAt: null,
    };
    return entry.job;
  }

  async remove(ids: readonly string[]): Promise<readonly Job[]> {
    const ended = [...new Set(ids)]
      .flatMap((id) => this.#entries.get(id)?.job ?? [])
      .filter((job) => job.finishedAt !== null);
    for (const { id } of ended) this.#entries.delete(id);
    return ended;
  }

  async get(id: string): Promise<Job | undefined> {
    return this.#entries.get(id)?.job;
  }

  async page(filter: JobFilter): Promise<JobPage> {
    const before = seqOf(filter.after);
    const found = this.#all()
      .filter(({ seq, job }) => seq < before && matches(job, filter))
      .sort((a, b) => b.seq - a.seq);
    const page = found.slice(0, filter.limit);
    const next = found.length > page.length ? String(page.at(-1)?.seq) : null;
    return { jobs: page.map(({ job }) => ({ ...job, log: [] })), next };
  }

  async counts(): Promise<Readonly<Record<JobState, number>>> {
    const counts = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
    for (const { job } of this.#entries.values()) counts[job.state]++;
    return counts;
  }

  async kinds(): Promise<readonly KindState[]> {
    const names = new Set([...this.#all().map(({ job }) => job.kind), ...this.#paused]);
    return [...names].sort().map((kind) => {
      const jobs = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
      for (const { job } of this.#all()) if (job.kind === kind) jobs[job.state]++;
      return { kind, isPaused: this.#paused.has(kind), jobs };
    });
  }

  async pause(kind: string, isPaused: boolean): Promise<void> {
    if (isPaused) this.#paused.add(kind);
    else this.#paused.delete(kind);
  }

  async revision(): Promise<string> {
    return JSON.stringify([...this.#paused, ...this.#all().map(({ job }) => job)]);
  }

  async recover(dead?: { readonly worker: string; readonly how: string }): Promise<number> {
    const now = this.#clock.now();
    const lost = this.#all().filter(
      ({ lease, job }) => lease !== null && (lease.expiresAt <= now || job.worker === dead?.worker),
    );
    for (const entry of lost) this.#failed(entry, lostWorker(entry.job, dead), now);
    return lost.length;
  }

  async prune(at: number, keep: number, limit: number): Promise<readonly Job[]> {
    const ended = this.#all()
      .filter(({ job }) => job.finishedAt !== null)
      .sort((a, b) => (a.job.finishedAt ?? 0) - (b.job.finishedAt ?? 0) || a.seq - b.seq);
    const pruned = ended
      .filter(({ job }, i) => (job.finishedAt ?? 0) <= at || i < ended.length - keep)
      .slice(0, limit);
    for (const { job } of pruned) this.#entries.delete(job.id);
    return pruned.map(({ job }) => job);
  }

  #all(): Entry[] {
    return [...this.#entries.values()];
  }

  #held(lease: Lease): Entry {
    const entry = this.#entries.get(lease.job.id);
    if (entry?.lease?.token === lease.token && entry.lease.expiresAt > this.#clock.now()) return entry;
    throw new Fault("conflict", `the worker ${lease.worker} no longer holds the job ${lease.job.id}`);
  }

  #existing(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry) return entry;
    throw new Fault("not-found", `there is no job ${id}`);
  }

  #failed(entry: Entry, error: JobError, retryAt: number | null): Job {
    const { job } = entry;
    if (job.cancelRequested || error.code === "cancelled") return this.#end(entry, "cancelled", error);
    if (retryAt === null || job.attempts >= job.maxAttempts) return this.#end(entry, "failed", error);
    entry.lease = null;
    entry.job = { ...job, state: "queued", progress: null, error, runAt: retryAt };
    return entry.job;
  }

  #end(entry: Entry, state: JobState, error: JobError | null, result: Json = null): Job {
    entry.lease = null;
    const now = this.#clock.now();
    entry.job = { ...entry.job, state, error, result, finishedAt: now };
    const { id: subject, webhook: url } = entry.job;
    if (url !== null) this.#outbox?.add({ subject, content: null, url, dueAt: now });
    return entry.job;
  }
}

function fresh(job: NewJob, now: number): Job {
  return {
    id: job.id,
    kind: job.kind,
    input: structuredClone(job.input),
    state: "queued",
    priority: job.priority ?? 0,
    runAt: job.runAt ?? now,
    attempts: 0,
    maxAttempts: job.maxAttempts ?? 3,
    idempotencyKey: job.idempotencyKey ?? null,
    progress: null,
    log: [],
    error: null,
    result: null,
    cancelRequested: false,
    webhook: job.webhook ?? null,
    worker: null,
    createdAt: now,
    startedAt: null,
    finishedAt: null,
  };
}

function matches(job: Job, { state, kind, text, since, until }: JobFilter): boolean {
  const wanted = text?.toLowerCase();
  return (
    (state === undefined || job.state === state) &&
    (kind === undefined || job.kind === kind) &&
    (since === undefined || job.createdAt >= since) &&
    (until === undefined || job.createdAt < until) &&
    (wanted === undefined ||
      job.id.toLowerCase().includes(wanted) ||
      JSON.stringify(job.input).toLowerCase().includes(wanted))
  );
}

function lostWorker(job: Job, dead?: { readonly worker: string; readonly how: string }): JobError {
  const how = dead?.worker === job.worker ? dead?.how : "was not heard of any more";
  return {
    code: "internal",
    message: `the worker ${job.worker} ${how} during attempt ${job.attempts} of ${job.maxAttempts}`,
    hint: "Its log may tell why. One that was killed has often run out of memory: lower --job-memory, or add some.",
  };
}

function seqOf(cursor: string | undefined): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new Fault("invalid", `${JSON.stringify(cursor)} is not a cursor of a job listing`);
}
