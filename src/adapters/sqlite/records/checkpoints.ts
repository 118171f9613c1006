// When the write-ahead log of records is copied into their database: by a thread, while commits go on.
//
// On the serving thread each took 10 to 30 ms with its fsyncs, several a second under load, and everybody waited. The thread copies
// while commits go on, then they are held while it copies what came meanwhile: only when all of it is copied the log begins anew.
// Without HTTP, images took 12 % less time of the serving thread in `full`, and up to 20 % less on a busy disk.

import type { CheckpointRequest } from "./checkpoint-thread.ts";

/** Works after which the log is copied: some 6,000 pages of 4 KiB when many share a commit, and when none do. */
const DUE = 30_000;
/** A commit writes some pages, however small it is. */
const COMMIT_WORKS = 80;

export interface Holdable {
  /** Nothing is committed until `release`. */
  hold(): void;
  release(): void;
}

export class RecordsCheckpoints {
  readonly #path: string;
  readonly #commits: Holdable;
  /** Started when the first checkpoint is due: many servers take few uploads. */
  #thread: CheckpointThread | undefined;
  #works = 0;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(path: string, commits: Holdable) {
    this.#path = path;
    this.#commits = commits;
  }

  /** To be told of every commit, and how many works it had. */
  committed(works: number): void {
    this.#works += works + COMMIT_WORKS;
    if (this.#works < DUE || this.#running || this.#isClosed) return;
    this.#works = 0;
    this.#running = this.#copy().finally(() => {
      this.#running = undefined;
    });
  }

  /** Waits for what is being copied, and gives the database back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
    await this.#thread?.ask("close");
    this.#thread?.terminate();
  }

  /** What fails (a full disk) is tried again when the next is due; nothing is lost, the log only grows. */
  async #copy(): Promise<void> {
    this.#thread ??= new CheckpointThread();
    await this.#thread.ask({ path: this.#path });
    this.#commits.hold();
    await this.#thread.ask({ path: this.#path });
    this.#commits.release();
  }
}

class CheckpointThread {
  readonly #worker = new Worker(new URL("./checkpoint-thread.ts", import.meta.url), { smol: true });
  #resolve: (() => void) | undefined;
  #isBroken = false;

  constructor() {
    this.#worker.onmessage = () => this.#answer();
    // Without a thread the connection that commits copies for itself, when the log is much longer.
    const onEnd = () => {
      this.#isBroken = true;
      this.#answer();
    };
    this.#worker.onerror = onEnd;
    // However it ends: commits must not be held for a thread that is no more.
    this.#worker.addEventListener("close", onEnd);
  }

  /** Resolves when the thread has done it, or failed to. */
  ask(request: CheckpointRequest): Promise<void> {
    if (this.#isBroken) return Promise.resolve();
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#worker.postMessage(request);
    });
  }

  terminate(): void {
    this.#worker.terminate();
  }

  #answer(): void {
    this.#resolve?.();
    this.#resolve = undefined;
  }
}
