// The service that takes jobs in and tells how they are doing. The work itself is done by workers.

import type { Clock } from "../../ports/clock.ts";
import type { Job, JobFilter, JobPage, JobState, Json, Queue } from "../../ports/queue.ts";
import { Fault, isFault } from "../../wire/faults.ts";
import type { Files } from "../files/files.ts";
import { type JobKind, parseInput } from "./kind.ts";
import { jobsInHand } from "./presence.ts";
import { requireWebhook } from "./webhook-url.ts";

export interface JobsOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  /** The kinds that are accepted. */
  // biome-ignore lint/suspicious/noExplicitAny: each kind has its own input; it is parsed before it is used
  readonly kinds: readonly JobKind<any>[];
  /** Called after a job became claimable: a hint to idle workers, who would find it by themselves a little later. */
  readonly onReady?: () => void;
  /** Where results are removed from when their jobs are forgotten. */
  readonly files?: Pick<Files, "get" | "remove">;
  /** Whether a webhook may lead to this host, as it is written in the URL. Default: to any. */
  readonly allowsWebhook?: (host: string) => boolean;
}

export interface Submission {
  readonly kind: string;
  readonly input: unknown;
  /** A second submission of the same kind and input returns the first one's job, whatever has become of it. */
  readonly idempotencyKey?: string;
  /** Higher first; 0 by default. */
  readonly priority?: number;
  /** Milliseconds before it may start. */
  readonly delay?: number;
  /** An http(s) URL that is told of the end. */
  readonly webhook?: string;
}

export class Jobs {
  readonly #queue: Queue;
  readonly #clock: Clock;
  readonly #kinds: ReadonlyMap<string, JobKind>;
  readonly #onReady: () => void;
  readonly #files: JobsOptions["files"];
  readonly #allowsWebhook: (host: string) => boolean;

  constructor({ queue, clock, kinds, onReady, files, allowsWebhook }: JobsOptions) {
    this.#queue = queue;
    this.#files = files;
    this.#allowsWebhook = allowsWebhook ?? (() => true);
    this.#clock = clock;
    this.#kinds = new Map(kinds.map((kind) => [kind.name, kind]));
    this.#onReady = onReady ?? (() => undefined);
  }

  /**
   * Durable when it resolves. Faults: `invalid` for an unknown kind, or an input that the kind does not take; `conflict` for
   * an idempotency key that another job has.
   */
  async submit(submission: Submission): Promise<Job> {
    const { kind, idempotencyKey, webhook, priority = 0, delay = 0 } = submission;
    if (webhook !== undefined) requireWebhook(webhook, this.#allowsWebhook);
    const input = this.#parse(kind, submission.input);
    const job = await this.#queue.add({
      id: crypto.randomUUID(),
      kind,
      input,
      priority,
      runAt: this.#clock.now() + delay,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
      ...(webhook !== undefined && { webhook }),
    });
    if (job.kind !== kind || !Bun.deepEquals(this.#parse(kind, job.input), input)) throw keyTaken(job);
    this.#onReady();
    return job;
  }

  get(id: string): Promise<Job | undefined> {
    return this.#queue.get(id);
  }

  /** Fault `not-found` for a job that is not there, or of another kind than the one asked for. */
  async require(id: string, kind?: string): Promise<Job> {
    const job = await this.#queue.get(id);
    if (job && (kind === undefined || job.kind === kind)) return job;
    throw new Fault(
      "not-found",
      `there is no ${kind ?? ""} job ${JSON.stringify(id.slice(0, 100))}`.replace("  ", " "),
    );
  }

  /**
   * The job as it is now, and again whenever it has changed, until it has ended or `signal` is aborted. Fault
   * `not-found`. The change is made by other processes, so it is looked for, `WATCH_MS` apart.
   */
  async *watch(id: string, signal: AbortSignal): AsyncGenerator<Job> {
    let seen = "";
    while (!signal.aborted) {
      const job = await this.require(id);
      const text = JSON.stringify(job);
      if (text !== seen) yield job;
      seen = text;
      if (job.finishedAt !== null) return;
      await this.#clock.sleep(WATCH_MS, signal).catch(() => undefined); // aborted: the loop ends
    }
  }

  /**
   * The newest jobs that fit `filter`, the oldest of them first, and from then on each new one, and each that has
   * changed since it was yielded, also when it no longer fits; until `signal` is aborted. A slow reader gets fewer changes,
   * and always the last.
   */
  async *watchAll(filter: JobFilter, signal: AbortSignal): AsyncGenerator<Job> {
    let seen = new Map<string, Seen>();
    while (!signal.aborted) {
      const { jobs } = await this.#queue.page(filter);
      const shown = new Set(jobs.map(({ id }) => id));
      // Those that left the page, by their state or by newer ones, are still to tell how they ended.
      const left = [...seen].filter(([id, { ended }]) => !ended && !shown.has(id)).slice(-MOST_LEFT);
      const others = await Promise.all(left.map(([id]) => this.#queue.get(id)));
      const before = seen;
      seen = new Map();
      for (const job of [...others, ...jobs.toReversed()]) {
        if (!job) continue;
        const now = { hash: Bun.hash(JSON.stringify(job)), ended: job.finishedAt !== null };
        seen.set(job.id, now);
        if (before.get(job.id)?.hash !== now.hash) yield job;
      }
      await this.#clock.sleep(WATCH_MS, signal).catch(() => undefined); // aborted: the loop ends
    }
  }

  page(filter: JobFilter): Promise<JobPage> {
    return this.#queue.page(filter);
  }

  counts(): Promise<Readonly<Record<JobState, number>>> {
    return this.#queue.counts();
  }

  /** A queued job ends at once; the worker of a running one is told with its next heartbeat. */
  cancel(id: string): Promise<Job> {
    return this.#queue.cancel(id);
  }

  async retry(id: string): Promise<Job> {
    const job = await this.#queue.retry(id);
    this.#onReady();
    return job;
  }

  /** Gives the jobs of dead workers back to the queue; `dead` names one that is known to have died, and how. */
  async recover(dead?: { readonly worker: string; readonly how: string }): Promise<number> {
    const recovered = await this.#queue.recover(dead);
    if (recovered > 0) this.#onReady();
    return recovered;
  }

  /** At the start of a service: the same for all running jobs whose worker is known to be dead, without waiting for their leases. */
  async recoverFrom(isDead: (worker: string) => boolean): Promise<number> {
    const dead = [...(await jobsInHand(this.#queue)).keys()].filter(isDead);
    let recovered = 0;
    for (const worker of dead) recovered += await this.recover({ worker, how: "died with its server" });
    return recovered;
  }

  /** Forgets jobs that ended more than `maxAge` ms ago or are not among the last `keep` to end, with their results. */
  async prune(maxAge: number, keep: number): Promise<number> {
    const before = this.#clock.now() - maxAge;
    let removed = 0;
    for (;;) {
      const jobs = await this.#queue.prune(before, keep, PRUNE_BATCH);
      for (const job of jobs) await this.#removeResults(job);
      removed += jobs.length;
      if (jobs.length < PRUNE_BATCH) return removed;
    }
  }

  /** Only files that this very job made: an input is not its to remove. What a crash leaves here expires by itself. */
  async #removeResults({ id, result }: Job): Promise<void> {
    const named = typeof result === "object" && result !== null ? Object.values(result) : [];
    for (const name of named) {
      const file = typeof name === "string" ? await this.#files?.get(name) : undefined;
      if (file?.origin !== `job:${id}`) continue;
      await this.#files?.remove(file.id).catch((error) => {
        if (!isFault(error, "not-found")) throw error;
      });
    }
  }

  #parse(name: string, input: unknown): Json {
    const kind = this.#kinds.get(name);
    if (!kind) {
      throw new Fault("invalid", `there is no kind of job ${JSON.stringify(name.slice(0, 100))}`, {
        hint: `The kinds are: ${[...this.#kinds.keys()].join(", ")}.`,
      });
    }
    return parseInput(kind, input);
  }
}

function keyTaken({ id, kind, idempotencyKey }: Job): Fault {
  return new Fault(
    "conflict",
    `the idempotency key ${JSON.stringify(idempotencyKey)} belongs to the ${kind} job ${id}, which is another one`,
    { hint: "The same key means the same job: give each job a key of its own." },
  );
}

interface Seen {
  readonly hash: number | bigint;
  readonly ended: boolean;
}

/** Jobs that have not ended and are watched beside those of the page. */
const MOST_LEFT = 100;
const PRUNE_BATCH = 500;
const WATCH_MS = 250;
