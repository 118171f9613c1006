// Brings a file to the disk while more of it is written, so that little is left to wait for at its end.
//
// The system by itself begins to write back when a tenth of the memory waits for it: a merge of 1 GB was on the disk after
// 1.3 s so, and after 1.6 s without. It stands here since the store and the commands both write files, and may not know each other.

/** Bytes after which a write that goes on is synced already. */
const EARLY = 8 * 1_048_576;

export class EarlySync {
  readonly #sync: () => Promise<void>;
  readonly #onDurable: ((written: number) => void) | undefined;
  #written = 0;
  #unsynced = 0;
  #running: Promise<void> | undefined;
  #error: unknown;

  constructor(sync: () => Promise<void>, onDurable?: (written: number) => void) {
    this.#sync = sync;
    this.#onDurable = onDurable;
  }

  /** So many more bytes were written; no more than one sync runs at one time. */
  written(bytes: number): void {
    this.#written += bytes;
    this.#unsynced += bytes;
    if (this.#unsynced < EARLY || this.#running) return;
    this.#unsynced = 0;
    const durable = this.#written;
    this.#running = this.#sync().then(
      () => {
        this.#running = undefined;
        this.#onDurable?.(durable);
      },
      (error) => {
        // The system tells of a failed write once, and not necessarily again at the end.
        this.#error ??= error;
      },
    );
  }

  /** To be awaited before the file is closed. Throws what failed. */
  async settle(): Promise<void> {
    await this.#running;
    if (this.#error !== undefined) throw this.#error;
  }
}
