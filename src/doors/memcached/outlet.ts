// What a session still has to send: bytes that the socket has not taken yet.
//
// Written for speed: replies go to the socket from the door's buffer, without a view of it.

import type { ReplyBuffer } from "../../wire/memcached/encoder.ts";
import type { Figures } from "./figures.ts";

/** A socket of Bun: tells how many bytes it took, -1 when it is closed. */
interface Taker {
  write(bytes: Uint8Array, from: number, length: number): number;
}

export class Outlet {
  readonly #socket: Taker;
  readonly #figures: Figures;
  #unsent: Uint8Array[] = [];

  constructor(socket: Taker, figures: Figures) {
    this.#socket = socket;
    this.#figures = figures;
  }

  /** The socket is full: nothing more should be answered before it has drained. */
  get full(): boolean {
    return this.#unsent.length > 0;
  }

  /** `out` may be cleared afterwards. What is answered while this is full, one batch at most, waits in order. */
  write({ before, bytes, end }: ReplyBuffer): void {
    for (let i = 0; i < before.length; i++) {
      const piece = before[i] as Uint8Array;
      const taken = this.#take(piece, piece.length);
      if (taken < piece.length) this.#unsent.push(piece.subarray(taken));
    }
    const taken = this.#take(bytes, end);
    if (taken < end) this.#unsent.push(Buffer.from(bytes.subarray(taken, end)));
  }

  /** The socket takes bytes again. */
  drain(): void {
    const waiting = this.#unsent;
    this.#unsent = [];
    for (let i = 0; i < waiting.length; i++) {
      const piece = waiting[i] as Uint8Array;
      const taken = this.#take(piece, piece.length);
      if (taken < piece.length) {
        this.#unsent = [piece.subarray(taken), ...waiting.slice(i + 1)];
        return;
      }
    }
  }

  clear(): void {
    this.#unsent = [];
  }

  /** How many bytes the socket took; none while others wait. */
  #take(piece: Uint8Array, length: number): number {
    if (this.full || length === 0) return 0;
    const taken = Math.max(0, this.#socket.write(piece, 0, length));
    this.#figures.bytesWritten += taken;
    return taken;
  }
}
