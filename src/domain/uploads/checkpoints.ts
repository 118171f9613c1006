// What a long append has made durable is listed while it goes on: the bytes that come meanwhile do not wait for it.

import type { ActiveUpload } from "./active-upload.ts";

/** Bytes after which what is durable is listed: the most that a crash takes from a long request, but for what is not synced. */
const STRETCH = 16 * 1_048_576;

export class Checkpoints {
  readonly #active: ActiveUpload;
  readonly #start: number;
  #listed = 0;
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** `start`: where in the upload the append begins. */
  constructor(active: ActiveUpload, start: number) {
    this.#active = active;
    this.#start = start;
  }

  /** True when the ledger could not be written: nobody needs the bytes that are still to come. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** `durable`: bytes of the append that are on disk by now. */
  reached(durable: number): void {
    if (this.#running || durable - this.#listed < STRETCH) return;
    this.#running = this.#list(durable).then(
      () => {
        this.#running = undefined;
      },
      (error) => {
        this.#failure = { error };
      },
    );
  }

  /** Waits for what is being listed; throws what kept it from being listed. */
  async settle(): Promise<void> {
    await this.#running;
    if (this.#failure) throw this.#failure.error;
  }

  /** Lists the rest of the `written` bytes, all of them durable now. */
  async end(written: number): Promise<void> {
    await this.settle();
    await this.#list(written);
  }

  async #list(durable: number): Promise<void> {
    if (durable === this.#listed) return;
    await this.#active.list({ start: this.#start + this.#listed, end: this.#start + durable }, true);
    this.#listed = durable;
  }
}
