// What a session still has to send: bytes that the socket has not taken yet.

import type { Figures } from "./figures.ts";

/** A socket of Bun: tells how many bytes it took, -1 when it is closed. */
interface Taker {
  write(bytes: Buffer): number;
}

export class Outlet {
  readonly #socket: Taker;
  readonly #figures: Figures;
  #unsent: Buffer | undefined;

  constructor(socket: Taker, figures: Figures) {
    this.#socket = socket;
    this.#figures = figures;
  }

  /** The socket is full: nothing more should be answered before it has drained. */
  get full(): boolean {
    return this.#unsent !== undefined;
  }

  /** `bytes` may be overwritten afterwards. What is answered while it is full, one batch at most, waits in order. */
  write(bytes: Buffer): void {
    if (this.#unsent) {
      this.#unsent = Buffer.concat([this.#unsent, bytes]);
      return;
    }
    const taken = Math.max(0, this.#socket.write(bytes));
    this.#figures.bytesWritten += taken;
    if (taken < bytes.length) this.#unsent = Buffer.from(bytes.subarray(taken));
  }

  /** The socket takes bytes again. */
  drain(): void {
    const rest = this.#unsent;
    if (!rest) return;
    this.#unsent = undefined;
    this.write(rest);
  }

  clear(): void {
    this.#unsent = undefined;
  }
}
