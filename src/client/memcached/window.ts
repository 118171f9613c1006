// A bound on what is under way: requests are added until it is full, then the oldest is awaited.

/** The first failure is thrown by the next call; later ones are consequences of it. */
export class Window {
  readonly #limit: number;
  readonly #underWay: Promise<unknown>[] = [];
  #failed = false;
  #failure: unknown;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Waits until there is room, then adds what `begin` starts. */
  async add(begin: () => Promise<unknown>): Promise<void> {
    while (this.#underWay.length >= this.#limit) await this.#oldest();
    this.#check();
    const promise = begin();
    promise.catch((error: unknown) => {
      if (!this.#failed) this.#failure = error;
      this.#failed = true;
    });
    this.#underWay.push(promise);
  }

  /** Waits until all has ended well. */
  async drain(): Promise<void> {
    while (this.#underWay.length > 0) await this.#oldest();
    this.#check();
  }

  /** Waits until all has ended, well or not. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async #oldest(): Promise<void> {
    this.#check();
    const oldest = this.#underWay[0];
    await oldest;
    // Only now: whoever stops waiting here (an abort) lets it go on, and settle() has to wait for it.
    if (this.#underWay[0] === oldest) await this.#underWay.shift();
  }

  #check(): void {
    if (this.#failed) throw this.#failure;
  }
}

/** How many pieces of `size` bytes make up about `bytes`, between `least` and `most`. */
export function windowOf(size: number, bytes: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, Math.floor(bytes / Math.max(1, size))));
}

/** Rejects with the signal's reason as soon as it is aborted; the promise itself goes on. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  // Whoever stops listening must not leave a rejection that nobody handles.
  promise.catch(() => undefined);
  signal.throwIfAborted();
  const { promise: aborted, reject } = withRejector();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Promise.withResolvers, which Node 20 does not have. */
function withRejector(): { promise: Promise<never>; reject(reason: unknown): void } {
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<never>((_, fail) => {
    reject = fail;
  });
  return { promise, reject };
}
