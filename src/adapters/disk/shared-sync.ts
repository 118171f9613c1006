// One sync of a file for all who wrote to it before: those that finish while one runs share the next.

export class SharedSync {
  readonly #sync: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /**
   * Resolves when all that was written before the call is on the disk. Once it has failed it always does: the system tells
   * of lost pages once, and takes them for clean from then on, so the next sync would succeed without them.
   */
  run(): Promise<void> {
    if (!this.#running) return this.#start();
    // The running sync may have begun before our bytes were written.
    this.#next ??= this.#running.then(
      () => this.#follow(),
      () => this.#follow(),
    );
    return this.#next;
  }

  #follow(): Promise<void> {
    this.#next = undefined;
    return this.#start();
  }

  #start(): Promise<void> {
    const running = this.#once().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #once(): Promise<void> {
    if (this.#failure) throw this.#failure.error;
    try {
      await this.#sync();
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}
