// What a session still has to send: bytes that the socket has not taken yet.

import type { Figures } from "./figures.ts";

/** A socket of Bun: tells how many bytes it took, -1 when it is closed. */
interface Taker {
  write(bytes: Uint8Array): number;
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

  /** The last piece may be overwritten afterwards. What is answered while it is full, one batch at most, waits in order. */
  write(pieces: readonly Uint8Array[]): void {
    const last = pieces.length - 1;
    for (let i = 0; i <= last; i++) {
      const piece = pieces[i] as Uint8Array;
      const rest = this.full ? piece : this.#take(piece);
      if (rest.length > 0) this.#unsent.push(i === last ? Buffer.from(rest) : rest);
    }
  }

  /** The socket takes bytes again. */
  drain(): void {
    for (let first = this.#unsent[0]; first; first = this.#unsent[0]) {
      const rest = this.#take(first);
      if (rest.length > 0) {
        this.#unsent[0] = rest;
        return;
      }
      this.#unsent.shift();
    }
  }

  clear(): void {
    this.#unsent = [];
  }

  /** What the socket does not take of it. */
  #take(piece: Uint8Array): Uint8Array {
    if (piece.length === 0) return piece;
    const taken = Math.max(0, this.#socket.write(piece));
    this.#figures.bytesWritten += taken;
    return taken < piece.length ? piece.subarray(taken) : EMPTY;
  }
}

const EMPTY = new Uint8Array(0);
