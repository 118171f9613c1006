// The worker's loop: claims a job, works on it, and waits for the next.

import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Queue } from "../../ports/queue.ts";
import { Fault, toFault } from "../../wire/faults.ts";
import { Attempt, type AttemptEnd } from "./attempt.ts";
import type { JobHandler } from "./kind.ts";

export interface WorkerOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  readonly log: Log;
  /** Names this worker in its leases; unique among the living. */
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: each handler has its own input; it is parsed before it is run
  readonly handlers: readonly JobHandler<any>[];
  /** A job whose worker is silent for so long is given to another. */
  readonly leaseMs?: number;
  /** How soon a running job learns that it was cancelled. */
  readonly heartbeatMs?: number;
  /** How soon an idle worker finds a job that nobody told it of. */
  readonly pollMs?: number;
  /** How often it looks for jobs of dead workers. */
  readonly recoverMs?: number;
  /** Asked after every job: true ends the loop, so that a process which has grown can be replaced. */
  readonly spent?: () => boolean;
}

const LEASE_MS = 15_000;
const HEARTBEAT_MS = 1_000;
const POLL_MS = 500;
const RECOVER_MS = 5_000;
/** After an error of the queue itself (a full disk, a lock that does not yield). */
const PAUSE_MS = 2_000;

export class Worker {
  readonly #options: WorkerOptions;
  readonly #handlers: ReadonlyMap<string, JobHandler>;
  readonly #kinds: readonly string[];
  #recoveredAt = Number.NEGATIVE_INFINITY;
  #poked = false;
  #wake: (() => void) | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#handlers = new Map(options.handlers.map((handler) => [handler.kind.name, handler]));
    this.#kinds = [...this.#handlers.keys()];
  }

  /** A hint that a job was added: looks at once instead of at the next poll. */
  poke(): void {
    this.#poked = true;
    this.#wake?.();
  }

  /** Works until `stop` is aborted (then the job in hand is given back), or until `spent`. */
  async run(stop: AbortSignal): Promise<void> {
    const { log, name, spent } = this.#options;
    log.info("worker.started", { worker: name, kinds: this.#kinds });
    while (!stop.aborted) {
      this.#poked = false;
      const end = await this.#next(stop);
      if (end !== undefined && spent?.()) break;
      if (end === undefined && !this.#poked) await this.#pause(this.#options.pollMs ?? POLL_MS, stop);
    }
    log.info("worker.stopped", { worker: name });
  }

  /** Works on one job, if there is one. */
  async #next(stop: AbortSignal): Promise<AttemptEnd | undefined> {
    const { queue, clock, log, name, leaseMs = LEASE_MS, heartbeatMs = HEARTBEAT_MS } = this.#options;
    try {
      await this.#recover();
      const lease = await queue.claim(name, this.#kinds, leaseMs);
      if (!lease) return undefined;
      log.info("job.started", { job: lease.job.id, kind: lease.job.kind, attempt: lease.job.attempts });
      const attempt = new Attempt(lease, { queue, clock, log, leaseMs, heartbeatMs });
      return await attempt.run(this.#handlerOf(lease.job.kind), stop);
    } catch (error) {
      log.error("worker.queue-failed", { worker: name, error: toFault(error) });
      await this.#pause(PAUSE_MS, stop);
      return undefined;
    }
  }

  async #recover(): Promise<void> {
    const { queue, clock, log, recoverMs = RECOVER_MS } = this.#options;
    const now = clock.now();
    // Also when the clock was set back.
    if (Math.abs(now - this.#recoveredAt) < recoverMs) return;
    this.#recoveredAt = now;
    const jobs = await queue.recover();
    if (jobs > 0) log.warn("jobs.recovered", { jobs });
  }

  async #pause(ms: number, stop: AbortSignal): Promise<void> {
    if (stop.aborted) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    try {
      await this.#options.clock.sleep(ms, AbortSignal.any([stop, woken.signal]));
    } catch {
      // Woken early: by a poke, or to stop.
    } finally {
      this.#wake = undefined;
    }
  }

  #handlerOf(kind: string): JobHandler {
    const handler = this.#handlers.get(kind);
    if (handler) return handler;
    throw new Fault("internal", `this worker claimed a ${kind} job, which it cannot do`);
  }
}
