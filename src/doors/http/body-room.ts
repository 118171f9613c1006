// The memory that large request bodies take together: one that is read as a whole waits until there is room for it.

import type { Clock } from "../../ports/clock.ts";
import { Fault, toFault } from "../../wire/faults.ts";
import { declaredLength } from "./body.ts";

/** Smaller ones are not counted: they take no more than the buffers of their connection. */
const SMALL = 65_536;
/** How long a body waits for room. */
const PATIENCE_MS = 60_000;

export interface BodyRoomOptions {
  /** Bytes of all counted bodies together. */
  readonly size: number;
  readonly clock: Clock;
}

export class BodyRoom {
  readonly #size: number;
  readonly #clock: Clock;
  /** In the order they came, so that a large one is not passed by small ones for ever. */
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = [];
  #taken = 0;

  constructor({ size, clock }: BodyRoomOptions) {
    this.#size = size;
    this.#clock = clock;
  }

  /**
   * Runs `work`, which reads the body of `request` and refuses one of more than `limit` bytes, when there is room for it; the
   * room is kept until `work` has ended. Until it is read a body stays with its client. One of unknown length takes `limit`.
   *
   * Faults: `invalid` (its length), `busy` when it has waited for a minute, `cancelled` when the client has gone.
   */
  async hold<T>(request: Request, limit: number, work: () => Promise<T>): Promise<T> {
    const bytes = declaredLength(request) ?? limit;
    // Too large ones are refused before they are read.
    if (bytes <= SMALL || bytes > limit) return work();
    // A body that is as large as all the room has it for itself.
    const needed = Math.min(bytes, this.#size);
    if (this.#waiting.length > 0 || this.#taken + needed > this.#size)
      await this.#wait(needed, request.signal);
    else this.#taken += needed;
    try {
      return await work();
    } finally {
      this.#taken -= needed;
      this.#admit();
    }
  }

  /** Resolves when `bytes` are taken. */
  async #wait(bytes: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const { promise, resolve } = Promise.withResolvers<"entered">();
    const waiter = { bytes, enter: () => resolve("entered") };
    this.#waiting.push(waiter);
    const timeout = this.#clock.sleep(PATIENCE_MS, AbortSignal.any([over.signal, signal])).then(
      () => this.#busy(),
      (reason) => toFault(reason),
    );
    const outcome = await Promise.race([promise, timeout]);
    over.abort();
    if (outcome === "entered") return;
    const place = this.#waiting.indexOf(waiter);
    if (place >= 0) this.#waiting.splice(place, 1);
    // It was let in while it gave up.
    else this.#taken -= bytes;
    this.#admit();
    throw outcome;
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      if (this.#taken + next.bytes > this.#size) return;
      this.#waiting.shift();
      this.#taken += next.bytes;
      next.enter();
    }
  }

  #busy(): Fault {
    return new Fault("busy", `large bodies take all of the ${this.#size} bytes that they may have together`, {
      hint: "Send it again later, or smaller ones: those of at most 64 KiB need not wait.",
      details: { taken: this.#taken, limit: this.#size },
    });
  }
}
