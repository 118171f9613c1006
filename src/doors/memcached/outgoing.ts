// A value that is too large for memory, on its way from the store to a connection: read only as fast as it is taken.

import type { OpenValue } from "../../wire/memcached/spooled.ts";

/** Bytes of it that are in memory at most. */
const PIECE = 262_144;

export interface OutgoingEvents {
  /** There is a `piece` again, or it is done. */
  ready(): void;
  /** It cannot be read: its reply has begun, so the connection cannot go on. */
  failed(error: unknown): void;
}

export class Outgoing {
  readonly #value: OpenValue;
  readonly #events: OutgoingEvents;
  readonly #buffer: Uint8Array;
  /** What was read, and not taken yet. */
  #piece: Uint8Array | undefined;
  #read = 0;
  #closed = false;

  /** Closes it when it is sent. */
  constructor(value: OpenValue, events: OutgoingEvents) {
    this.#value = value;
    this.#events = events;
    this.#buffer = new Uint8Array(Math.min(PIECE, value.length));
    void this.#fill();
  }

  /** What can be sent now. */
  get piece(): Uint8Array | undefined {
    return this.#piece;
  }

  get done(): boolean {
    return this.#piece === undefined && this.#read === this.#value.length;
  }

  /** So many bytes of the piece were sent. */
  take(bytes: number): void {
    if (!this.#piece) return;
    this.#piece = this.#piece.subarray(bytes);
    if (this.#piece.length > 0) return;
    this.#piece = undefined;
    if (this.done) this.close();
    else void this.#fill();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#value.close();
  }

  async #fill(): Promise<void> {
    try {
      const read = await this.#value.read(this.#read, this.#buffer);
      if (this.#closed) return;
      this.#read += read;
      this.#piece = this.#buffer.subarray(0, read);
    } catch (error) {
      if (!this.#closed) this.#events.failed(error);
      return;
    }
    this.#events.ready();
  }
}
