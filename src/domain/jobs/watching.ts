// Follows jobs for any number of readers with one look at the queue a moment, and none while nobody reads.

import type { Clock } from "../../ports/clock.ts";
import type { Job, JobFilter, Queue } from "../../ports/queue.ts";
import type { QueueState } from "../../ports/queue-state.ts";
import { Fault } from "../../wire/faults.ts";

export interface WatchingOptions {
  readonly queue: Pick<Queue, "get" | "page">;
  readonly state: Pick<QueueState, "revision">;
  readonly clock: Clock;
}

/** A job, and a hash of all that is known of it. */
interface Sight {
  readonly job: Job;
  readonly hash: number | bigint;
}

/** What was read from the queue at one revision, once for all readers. */
interface Snapshot {
  readonly revision: string;
  readonly pages: Map<string, Promise<readonly Sight[]>>;
  readonly jobs: Map<string, Promise<Sight | undefined>>;
}

/** Jobs that have not ended and are followed beside those of the page. */
const MOST_LEFT = 100;
/** Of one revision: a page may have 1,000 jobs, and a job a log of 200 KB. */
const MOST_REMEMBERED = 100;
const LOOK_MS = 250;

export class Watching {
  readonly #options: WatchingOptions;
  #snapshot: Snapshot | undefined;
  /** The look that all wait for who have seen what there is. */
  #nextLook: Promise<Snapshot> | undefined;

  constructor(options: WatchingOptions) {
    this.#options = options;
  }

  /** The job as it is now, and again whenever it has changed, until it has ended or `signal` is aborted. Fault `not-found`. */
  async *one(id: string, signal: AbortSignal): AsyncGenerator<Job> {
    let seen: number | bigint | undefined;
    for await (const snapshot of this.#snapshots(signal)) {
      const sight = await this.#jobAt(snapshot, id);
      if (!sight) throw new Fault("not-found", `there is no job ${JSON.stringify(id.slice(0, 100))}`);
      if (sight.hash !== seen) yield sight.job;
      seen = sight.hash;
      if (sight.job.finishedAt !== null) return;
    }
  }

  /**
   * The newest jobs that fit `filter`, the oldest of them first, and from then on each new one, and each that has
   * changed since it was yielded, also when it no longer fits; until `signal` is aborted. A slow reader gets fewer changes,
   * and always the last.
   */
  async *all(filter: JobFilter, signal: AbortSignal): AsyncGenerator<Job> {
    let seen: ReadonlyMap<string, Sight> = new Map();
    for await (const snapshot of this.#snapshots(signal)) {
      const sights = [
        ...(await this.#leftAt(snapshot, filter, seen)),
        ...(await this.#pageAt(snapshot, filter)),
      ];
      const before = seen;
      seen = new Map(sights.map((sight) => [sight.job.id, sight]));
      for (const { job, hash } of sights) if (before.get(job.id)?.hash !== hash) yield job;
    }
  }

  /** Those that left the page, by their state or by newer ones, are still to tell how they ended. */
  async #leftAt(
    snapshot: Snapshot,
    filter: JobFilter,
    seen: ReadonlyMap<string, Sight>,
  ): Promise<readonly Sight[]> {
    const shown = new Set((await this.#pageAt(snapshot, filter)).map(({ job }) => job.id));
    const left = [...seen.values()].filter(({ job }) => job.finishedAt === null && !shown.has(job.id));
    const now = await Promise.all(left.slice(-MOST_LEFT).map(({ job }) => this.#jobAt(snapshot, job.id)));
    // As in a page: with the log, it would look as if it had changed.
    return now.flatMap((sight) => (sight ? sightOf({ ...sight.job, log: [] }) : []));
  }

  #pageAt({ pages }: Snapshot, filter: JobFilter): Promise<readonly Sight[]> {
    return remembered(pages, JSON.stringify(filter), async () => {
      const { jobs } = await this.#options.queue.page(filter);
      return jobs.toReversed().map(sightOf);
    });
  }

  #jobAt({ jobs }: Snapshot, id: string): Promise<Sight | undefined> {
    return remembered(jobs, id, async () => {
      const job = await this.#options.queue.get(id);
      return job && sightOf(job);
    });
  }

  /** The queue as it is now, and again after each change of it. */
  async *#snapshots(signal: AbortSignal): AsyncGenerator<Snapshot> {
    let last: Snapshot | undefined;
    while (!signal.aborted) {
      const snapshot = await this.#latest(last);
      if (snapshot !== last) yield snapshot;
      last = snapshot;
    }
  }

  /** At once for a reader who is behind; otherwise with the next look, which is the same for all. */
  #latest(last: Snapshot | undefined): Promise<Snapshot> {
    if (last === undefined || last !== this.#snapshot) return this.#look();
    this.#nextLook ??= this.#options.clock
      .sleep(LOOK_MS)
      .then(() => this.#look())
      .finally(() => {
        this.#nextLook = undefined;
      });
    return this.#nextLook;
  }

  async #look(): Promise<Snapshot> {
    const revision = await this.#options.state.revision();
    if (this.#snapshot?.revision !== revision) {
      this.#snapshot = { revision, pages: new Map(), jobs: new Map() };
    }
    return this.#snapshot;
  }
}

function sightOf(job: Job): Sight {
  return { job, hash: Bun.hash(JSON.stringify(job)) };
}

/** Readers may ask for anything, so what is remembered is bounded. */
function remembered<T>(known: Map<string, Promise<T>>, key: string, read: () => Promise<T>): Promise<T> {
  const before = known.get(key);
  if (before) return before;
  if (known.size >= MOST_REMEMBERED) known.clear();
  const reading = read();
  known.set(key, reading);
  reading.catch(() => known.delete(key)); // its readers are told; the next one may be luckier
  return reading;
}
