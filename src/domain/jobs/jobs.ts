// The service that takes jobs in and tells how they are doing. The work itself is done by workers.

import type { Clock } from "../../ports/clock.ts";
import type { Job, JobFilter, JobPage, JobState, Json, Queue } from "../../ports/queue.ts";
import type { KindState, QueueState } from "../../ports/queue-state.ts";
import { Fault, isFault } from "../../wire/faults.ts";
import type { Files } from "../files/files.ts";
import { type BulkAction, changeSelected, type Selection } from "./bulk.ts";
import { type JobKind, parseInput } from "./kind.ts";
import { jobsInHand } from "./presence.ts";
import { Watching } from "./watching.ts";
import { requireWebhook } from "./webhook-url.ts";

export interface JobsOptions {
  readonly queue: Queue;
  readonly state: QueueState;
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
  readonly #state: QueueState;
  readonly #watching: Watching;
  readonly #clock: Clock;
  readonly #kinds: ReadonlyMap<string, JobKind>;
  readonly #onReady: () => void;
  readonly #files: JobsOptions["files"];
  readonly #allowsWebhook: (host: string) => boolean;

  constructor({ queue, state, clock, kinds, onReady, files, allowsWebhook }: JobsOptions) {
    this.#queue = queue;
    this.#state = state;
    this.#watching = new Watching({ queue, state, clock });
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

  /** See `Watching`. Fault `not-found`. */
  watch(id: string, signal: AbortSignal): AsyncGenerator<Job> {
    return this.#watching.one(id, signal);
  }

  watchAll(filter: JobFilter, signal: AbortSignal): AsyncGenerator<Job> {
    return this.#watching.all(filter, signal);
  }

  page(filter: JobFilter): Promise<JobPage> {
    return this.#queue.page(filter);
  }

  counts(): Promise<Readonly<Record<JobState, number>>> {
    return this.#queue.counts();
  }

  /** Each kind that is accepted, and any other that there are jobs of. */
  async kinds(): Promise<readonly KindState[]> {
    const found = await this.#state.kinds();
    const jobs = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
    const unused = [...this.#kinds.keys()].filter((name) => !found.some(({ kind }) => kind === name));
    const all = [...found, ...unused.map((kind) => ({ kind, isPaused: false, jobs }))];
    return all.sort((a, b) => (a.kind < b.kind ? -1 : 1));
  }

  /** No queued job of this kind, or of any, is begun until it is said otherwise; those that run go on. Fault `invalid`. */
  async pause(kind: string | undefined, isPaused: boolean): Promise<void> {
    const kinds =
      kind === undefined ? (await this.kinds()).map((state) => state.kind) : [this.#known(kind).name];
    for (const name of kinds) await this.#state.pause(name, isPaused);
    if (!isPaused) this.#onReady();
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

  /** Does `action` to all jobs that are selected, as they are now; returns how many it was done to. */
  async changeAll(action: BulkAction, selection: Selection, signal: AbortSignal): Promise<number> {
    const remove = async (ids: readonly string[]) => {
      const removed = await this.#queue.remove(ids);
      for (const job of removed) await this.#removeResults(job);
      return removed.length;
    };
    const changed = await changeSelected({ queue: this.#queue, remove }, action, selection, signal);
    if (action === "retry" && changed > 0) this.#onReady();
    return changed;
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
    return parseInput(this.#known(name), input);
  }

  #known(name: string): JobKind {
    const kind = this.#kinds.get(name);
    if (kind) return kind;
    throw new Fault("invalid", `there is no kind of job ${JSON.stringify(name.slice(0, 100))}`, {
      hint: `The kinds are: ${[...this.#kinds.keys()].join(", ")}.`,
    });
  }
}

function keyTaken({ id, kind, idempotencyKey }: Job): Fault {
  return new Fault(
    "conflict",
    `the idempotency key ${JSON.stringify(idempotencyKey)} belongs to the ${kind} job ${id}, which is another one`,
    { hint: "The same key means the same job: give each job a key of its own." },
  );
}

const PRUNE_BATCH = 500;
