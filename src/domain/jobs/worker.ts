// The worker's loop: claims a job, works on it, and waits for the next.

import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Lease, Queue } from "../../ports/queue.ts";
import type { Roster } from "../../ports/roster.ts";
import { Fault, toFault } from "../../wire/faults.ts";
import { Attempt } from "./attempt.ts";
import type { JobHandler } from "./kind.ts";
import { keepPresent } from "./presence.ts";

export interface WorkerOptions {
  readonly queue: Queue;
  /** Where it makes itself known while it runs. */
  readonly roster?: Roster;
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
  /** Called after every job that has come to its end, whichever. */
  readonly onEnd?: () => void;
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
    const { log, name } = this.#options;
    log.info("worker.started", { worker: name, kinds: this.#kinds });
    const ended = new AbortController();
    const presence = this.#keepPresent(ended.signal);
    await this.#loop(stop);
    ended.abort();
    await presence;
    log.info("worker.stopped", { worker: name });
  }

  async #loop(stop: AbortSignal): Promise<void> {
    const { spent } = this.#options;
    let lease: Lease | undefined;
    while (!stop.aborted) {
      this.#poked = false;
      lease ??= await this.#claim(stop);
      if (lease) {
        lease = await this.#work(lease, stop);
        if (spent?.()) break;
      } else if (!this.#poked) await this.#pause(this.#options.pollMs ?? POLL_MS, stop);
    }
    if (lease) await this.#giveBack(lease);
  }

  async #keepPresent(signal: AbortSignal): Promise<void> {
    const { roster, clock, log, name } = this.#options;
    if (roster) await keepPresent({ roster, clock, log }, { name, kinds: this.#kinds }, signal);
  }

  /**
   * Works on a job, and claims the next one while this one's end is written: an adapter that groups its commits
   * writes both in one.
   */
  async #work(lease: Lease, stop: AbortSignal): Promise<Lease | undefined> {
    const { queue, clock, log, leaseMs = LEASE_MS, heartbeatMs = HEARTBEAT_MS } = this.#options;
    log.info("job.started", { job: lease.job.id, kind: lease.job.kind, attempt: lease.job.attempts });
    const attempt = new Attempt(lease, { queue, clock, log, leaseMs, heartbeatMs });
    const settle = await attempt.run(this.#handlerOf(lease.job.kind), stop);
    const settled = settle();
    const goesOn = !stop.aborted && !this.#options.spent?.();
    const next = goesOn ? this.#claim(stop) : undefined;
    await settled;
    if (!stop.aborted) this.#options.onEnd?.();
    return next;
  }

  async #claim(stop: AbortSignal): Promise<Lease | undefined> {
    const { queue, log, name, leaseMs = LEASE_MS } = this.#options;
    try {
      if (this.#isRecoveryDue()) await this.#recover();
      return await queue.claim(name, this.#kinds, leaseMs);
    } catch (error) {
      log.error("worker.queue-failed", { worker: name, error: toFault(error) });
      await this.#pause(PAUSE_MS, stop);
      return undefined;
    }
  }

  /** A worker that is told to stop between two jobs has begun nothing. */
  async #giveBack(lease: Lease): Promise<void> {
    const { queue, log } = this.#options;
    try {
      await queue.release(lease);
    } catch (error) {
      // Its lease runs out by itself.
      log.warn("job.lost", { job: lease.job.id, error: toFault(error).message });
    }
  }

  #isRecoveryDue(): boolean {
    const { clock, recoverMs = RECOVER_MS } = this.#options;
    // Also when the clock was set back.
    return Math.abs(clock.now() - this.#recoveredAt) >= recoverMs;
  }

  async #recover(): Promise<void> {
    const { queue, clock, log } = this.#options;
    this.#recoveredAt = clock.now();
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
