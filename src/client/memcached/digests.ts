// Who computes the SHA-256 of a file: a thread, while the calling one moves bytes (docs/decisions/0012), or the calling one itself.

import { availableParallelism } from "node:os";
import { CallingDigest, type Digest } from "./digest.ts";
import { HashThread } from "./hash-thread.ts";

/** Smaller files are done before a thread is of use. */
const LARGE_BYTES = 4_194_304;
/** A thread needs 20 to 40 ms to start: only a file of this size waits for it. */
const HUGE_BYTES = 134_217_728;

/** The digests of one set of large files, which share a thread: started with the second large file, so that a single one pays nothing for it. */
export class Digests {
  readonly #startThread: () => HashThread | undefined;
  #thread: HashThread | undefined;
  #large = 0;
  #without = availableParallelism() < 2;

  constructor(startThread = HashThread.start) {
    this.#startThread = startThread;
  }

  /** Of a file of so many bytes; undefined: nobody knows. */
  begin(size: number | undefined): Digest {
    if (size === undefined || size < LARGE_BYTES || this.#without) return new CallingDigest();
    const huge = size >= HUGE_BYTES;
    if (huge || this.#large++ > 0) this.#start();
    const thread = this.#thread;
    return thread?.usable && (thread.online || huge) ? thread.begin() : new CallingDigest();
  }

  /** Digests under way fail. */
  async close(): Promise<void> {
    this.#without = true;
    await this.#thread?.close();
  }

  #start(): void {
    if (this.#thread?.usable) return;
    this.#thread = this.#startThread();
    // Where none can be started now, none can be later (a permission, a limit of threads): it is not tried for each file.
    if (!this.#thread) this.#without = true;
  }
}
