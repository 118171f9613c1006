// When the journal is folded, and what waits for it; the work itself is done in a thread of its own.

import type { Database } from "bun:sqlite";
import { Fault } from "../../../wire/faults.ts";
import { Fold } from "./fold.ts";
import type { FoldAnswer, FoldRequest } from "./fold-thread.ts";
import type { Journal } from "./journal.ts";
import type { KvRing } from "./ring.ts";
import type { Totals } from "./schema.ts";

export interface FoldingOptions {
  readonly path: string;
  readonly journal: Journal;
  /** Its entries are what is folded. */
  readonly ring: KvRing;
  /** As the database has them. */
  readonly totals: Totals;
  readonly usedBytes: number;
  /** Of memory, for the fold to remember where rows stand. */
  readonly knownBytes: number;
  /** SQLite has all up to this segment, and its file is about to be used again. */
  readonly onFolded: (segment: number) => void;
  /** Files of large values that no item has any more, which is on the disk. */
  readonly onUnlisted: (names: readonly string[]) => void;
  /** After every fold, also one that failed. */
  readonly onEnd: () => void;
}

interface Waiter {
  readonly segment: number;
  readonly resolve: () => void;
  readonly reject: (fault: Fault) => void;
}

/**
 * So many segments are folded at once: more share their pages better (random sets of a million keys: 4.6 µs each with three, 4.9 with
 * two), and more waits for a start to read it. The journal has files for what comes while they are folded, too.
 */
const TOGETHER = 3;
/** After a fold that failed. Most often the disk is full, and somebody makes room. */
const RETRY_MS = 1_000;

type Done = Extract<FoldAnswer, { kind: "done" }>;

export class Folding {
  readonly #options: FoldingOptions;
  #totals: Totals;
  #usedBytes: number;
  #thread: FoldThread | undefined;
  #running = false;
  /** Somebody waits for all up to this segment, or it is old enough. */
  #due = 0;
  #fault: Fault | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #waiters: Waiter[] = [];

  constructor(options: FoldingOptions) {
    this.#options = options;
    this.#totals = options.totals;
    this.#usedBytes = options.usedBytes;
  }

  /** As SQLite has them. */
  get totals(): Totals {
    return this.#totals;
  }

  /** Bytes of the database that hold something. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Why the last fold failed, if it did. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** A fold is under way. */
  get running(): boolean {
    return this.#running;
  }

  /**
   * Folds what is sealed, several segments together: a page of the database that a key of each of them stands in is
   * written once then. A single one waits for the next, unless all up to `due` is to be folded now.
   * Returns whether all that is sealed is on its way into SQLite.
   */
  start(due = 0): boolean {
    this.#due = Math.max(this.#due, due);
    const { journal, ring } = this.#options;
    const { sealed } = journal;
    const [oldest] = sealed;
    if (!oldest || this.#running) return !oldest;
    if (sealed.length < TOGETHER && oldest.segment > this.#due) return false;
    // What was before a flush is folded with it: the ring does not have it any more.
    const flushed = sealed.findIndex(({ segment }) => segment === ring.unfolded.flushedIn);
    if (flushed < 0 && ring.unfolded.flushedIn !== 0) return false;
    clearTimeout(this.#retry);
    this.#running = true;
    const files = sealed
      .slice(0, Math.max(TOGETHER, flushed + 1))
      .map(({ segment, path }) => ({ segment, path }));
    const last = files.at(-1)?.segment ?? 0;
    this.#ask({ kind: "fold", changes: ring.changes(last), files }).then(
      () => this.#folded(last),
      (fault: Fault) => this.#failed(fault),
    );
    return files.length === sealed.length;
  }

  /** Resolves when all up to this segment is folded. Rejects with the fault of a fold that fails. */
  until(segment: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ segment, resolve, reject });
      this.settle();
      this.start(segment);
    });
  }

  /** Lets those go on whose segment is folded, or never came to have a record. */
  settle(): void {
    const isEmpty = this.#options.journal.bytes === 0;
    const { folded } = this.#totals;
    const over = (waiter: Waiter) => isEmpty || waiter.segment <= folded;
    for (const waiter of this.#waiters.filter(over)) waiter.resolve();
    this.#waiters = this.#waiters.filter((waiter) => !over(waiter));
  }

  async sweep(now: number, limit: number): Promise<number> {
    return (await this.#ask({ kind: "sweep", now, limit })).removed;
  }

  /** Folds all that the journal has, on this connection when there is no thread: to start one would take longer. */
  async close(db: Database, foldAll: () => Promise<void>): Promise<void> {
    const { journal, ring } = this.#options;
    try {
      if (this.#thread) {
        await foldAll();
      } else {
        db.run("PRAGMA synchronous = FULL");
        const last = journal.unfolded.at(-1)?.segment;
        if (last === undefined) return;
        const { unlisted } = new Fold(db).apply(ring.changes(last), (...place) => journal.read(...place));
        this.#options.onUnlisted(unlisted);
        journal.release(last);
      }
    } catch {
      // A full disk, say: the journal keeps what is not folded, for the next start.
    }
    clearTimeout(this.#retry);
    await this.#thread?.close();
  }

  #folded(segment: number): void {
    this.#running = false;
    this.#fault = undefined;
    this.#options.journal.release(segment);
    this.#options.onFolded(segment);
    this.settle();
    this.start();
    this.#options.onEnd();
  }

  #failed(fault: Fault): void {
    this.#running = false;
    this.#fault = fault;
    for (const { reject } of this.#waiters) reject(fault);
    this.#waiters = [];
    this.#retry = setTimeout(() => this.start(), RETRY_MS);
    this.#retry.unref();
    this.#options.onEnd();
  }

  async #ask(request: FoldRequest): Promise<Done> {
    const done = await (await this.#open()).ask(request);
    if (done.totals) this.#totals = done.totals;
    this.#usedBytes = done.usedBytes;
    this.#options.onUnlisted(done.unlisted);
    return done;
  }

  async #open(): Promise<FoldThread> {
    if (this.#thread) return this.#thread;
    const thread = new FoldThread();
    this.#thread = thread;
    try {
      const { path, knownBytes } = this.#options;
      await thread.ask({ kind: "open", path, knownBytes });
      return thread;
    } catch (error) {
      this.#thread = undefined;
      thread.terminate();
      throw error;
    }
  }
}

/** Started when the first fold is due: many servers are up for long before one is. */
class FoldThread {
  readonly #worker = new Worker(new URL("./fold-thread.ts", import.meta.url), { smol: true });
  readonly #asked: { resolve: (done: Done) => void; reject: (fault: Fault) => void }[] = [];

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<FoldAnswer>) => {
      const asked = this.#asked.shift();
      if (data.kind === "done") asked?.resolve(data);
      else
        asked?.reject(new Fault(data.code, data.message, data.hint === undefined ? {} : { hint: data.hint }));
    };
    this.#worker.onerror = ({ message }) => {
      for (const { reject } of this.#asked.splice(0))
        reject(new Fault("internal", `the fold ended: ${message}`));
    };
  }

  async close(): Promise<void> {
    try {
      await this.ask({ kind: "close" });
    } finally {
      this.terminate();
    }
  }

  terminate(): void {
    this.#worker.terminate();
  }

  ask(request: FoldRequest): Promise<Done> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.#worker.postMessage(request);
    });
  }
}
