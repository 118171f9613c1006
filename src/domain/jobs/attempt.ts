// One attempt at one job: runs the handler under a heartbeat, and ends the lease one way or the other.

import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { JobLogLine, JobProgress, Json, Lease, Queue } from "../../ports/queue.ts";
import { Fault, isFault, toFault } from "../../wire/faults.ts";
import type { JobHandler } from "./kind.ts";
import { Rate } from "./rate.ts";
import { jobError, nextAttempt } from "./retries.ts";

export interface AttemptOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  readonly log: Log;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
}

export type AttemptEnd = "succeeded" | "failed" | "released" | "lost";

type Outcome = { readonly result: Json } | { readonly error: unknown };

const LONGEST_LINE = 1_000;

/**
 * Heartbeats come from the event loop, outside of what works: DuckDB computes in threads of its own, and handlers
 * written in JavaScript yield to the event loop many times a second (see `paced`). So a lease that is many
 * heartbeats long is lost only by a process that is dead or stopped.
 */
export class Attempt {
  readonly #options: AttemptOptions;
  readonly #lease: Lease;
  readonly #abort = new AbortController();
  /** Why the attempt was aborted from outside of the handler. */
  #ending: "cancelled" | "released" | "lost" | undefined;
  #expiresAt: number;
  #progress: JobProgress | undefined;
  readonly #rate = new Rate();
  #lines: JobLogLine[] = [];

  constructor(lease: Lease, options: AttemptOptions) {
    this.#lease = lease;
    this.#options = options;
    this.#expiresAt = lease.expiresAt;
  }

  /**
   * Never rejects. Aborting `stop` gives the job back to the queue. What it resolves with is to be called at once: it
   * ends the lease, and never rejects either.
   */
  async run(handler: JobHandler, stop: AbortSignal): Promise<() => Promise<AttemptEnd>> {
    const release = () => this.#abortFor("released", new Fault("cancelled", "the worker is stopping"));
    if (stop.aborted) release();
    stop.addEventListener("abort", release, { once: true });
    const beating = new AbortController();
    const heartbeat = this.#beat(beating.signal);
    const outcome = await this.#work(handler).then(
      (result) => ({ result }),
      (error: unknown) => ({ error }),
    );
    beating.abort();
    await heartbeat;
    stop.removeEventListener("abort", release);
    return () => this.#end(outcome);
  }

  async #end(outcome: Outcome): Promise<AttemptEnd> {
    try {
      return await this.#settle(outcome);
    } catch (error) {
      // The lease ran out meanwhile, or the queue cannot be written: the job is recovered by whoever finds it.
      this.#options.log.warn("job.lost", { job: this.#lease.job.id, error: toFault(error).message });
      return "lost";
    }
  }

  async #work(handler: JobHandler): Promise<Json> {
    const { job } = this.#lease;
    const parsed = handler.kind.input.safeParse(job.input);
    if (!parsed.success) {
      throw new Fault("invalid", `the input of the ${job.kind} job ${job.id} is malformed`, {
        cause: parsed.error,
      });
    }
    const result = await handler.run(parsed.data, {
      job,
      signal: this.#abort.signal,
      progress: (progress) => {
        this.#progress = progress;
      },
      log: (text) => {
        this.#lines.push({ at: this.#options.clock.now(), text: text.slice(0, LONGEST_LINE) });
      },
    });
    // A handler that did not notice must not complete a cancelled job.
    this.#abort.signal.throwIfAborted();
    return result;
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { clock, heartbeatMs } = this.#options;
    while (!signal.aborted) {
      try {
        await clock.sleep(heartbeatMs, signal);
      } catch {
        return; // only the end of the work ends the sleep early
      }
      await this.#extend();
    }
  }

  async #extend(): Promise<void> {
    const { queue, clock, leaseMs, log } = this.#options;
    try {
      const { cancelRequested, expiresAt } = await this.#report((report) =>
        queue.extend(this.#lease, leaseMs, report),
      );
      this.#expiresAt = expiresAt;
      if (cancelRequested) this.#abortFor("cancelled", new Fault("cancelled", "the job was cancelled"));
    } catch (error) {
      const fault = toFault(error);
      log.warn("job.heartbeat-failed", { job: this.#lease.job.id, error: fault.message });
      // Anything but a lost lease may pass before the lease runs out.
      if (isFault(fault, "conflict") || clock.now() >= this.#expiresAt) this.#abortFor("lost", fault);
    }
  }

  async #report<T>(
    send: (report: { readonly progress?: JobProgress; readonly log?: readonly JobLogLine[] }) => Promise<T>,
  ): Promise<T> {
    const [progress, lines] = [this.#measured(), this.#lines];
    this.#lines = [];
    try {
      return await send({ ...(progress && { progress }), ...(lines.length > 0 && { log: lines }) });
    } catch (error) {
      this.#lines = [...lines, ...this.#lines];
      throw error;
    }
  }

  #measured(): JobProgress | undefined {
    const progress = this.#progress;
    if (!progress) return undefined;
    const rate = this.#rate.next(progress, this.#options.clock.now());
    return { ...progress, ...(rate !== undefined && { rate }) };
  }

  #abortFor(why: "cancelled" | "released" | "lost", reason: Fault): void {
    this.#ending ??= why;
    this.#abort.abort(reason);
  }

  async #settle(outcome: Outcome): Promise<AttemptEnd> {
    const { queue, clock, leaseMs, log } = this.#options;
    const { job } = this.#lease;
    if (this.#ending === "lost") return "lost";
    // Each of these is a commit: a job that has nothing to tell is spared one.
    if (this.#progress !== undefined || this.#lines.length > 0) {
      await this.#report((report) => queue.extend(this.#lease, leaseMs, report));
    }
    if ("result" in outcome) {
      await queue.complete(this.#lease, outcome.result);
      log.info("job.succeeded", { job: job.id, kind: job.kind, result: outcome.result });
      return "succeeded";
    }
    if (this.#ending === "released") {
      await queue.release(this.#lease);
      log.info("job.released", { job: job.id, kind: job.kind });
      return "released";
    }
    const fault =
      this.#ending === "cancelled" ? new Fault("cancelled", "the job was cancelled") : toFault(outcome.error);
    const after = await queue.fail(
      this.#lease,
      jobError(fault),
      nextAttempt(fault, job.attempts, clock.now()),
    );
    log.warn("job.failed", {
      job: job.id,
      kind: job.kind,
      state: after.state,
      error: fault,
      cause: fault.cause,
    });
    return "failed";
  }
}
