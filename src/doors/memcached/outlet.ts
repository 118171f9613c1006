// What a session still has to send: bytes that the socket has not taken yet, and values that are read while it takes them.
//
// Written for speed: replies go to the socket from the door's buffer, without a view of it.

import type { ReplyBuffer } from "../../wire/memcached/encoder.ts";
import type { OpenValue } from "../../wire/memcached/spooled.ts";
import type { Figures } from "./figures.ts";
import { Outgoing, type OutgoingEvents } from "./outgoing.ts";

/** A socket of Bun: tells how many bytes it took, -1 when it is closed. */
interface Taker {
  write(bytes: Uint8Array, from: number, length: number): number;
}

export class Outlet {
  readonly #socket: Taker;
  readonly #figures: Figures;
  readonly #events: OutgoingEvents;
  #unsent: (Uint8Array | Outgoing)[] = [];

  constructor(socket: Taker, figures: Figures, events: OutgoingEvents) {
    this.#socket = socket;
    this.#figures = figures;
    this.#events = events;
  }

  /** Not all was sent: nothing more should be answered before it has drained. */
  get full(): boolean {
    return this.#unsent.length > 0;
  }

  /** `out` may be cleared afterwards. What is answered while this is full, one batch at most, waits in order. */
  write({ before, bytes, end }: ReplyBuffer): void {
    for (let i = 0; i < before.length; i++) {
      const piece = before[i] as Uint8Array | OpenValue;
      if (!(piece instanceof Uint8Array)) {
        this.#unsent.push(new Outgoing(piece, this.#events));
        continue;
      }
      const taken = this.#take(piece, piece.length);
      if (taken < piece.length) this.#unsent.push(piece.subarray(taken));
    }
    const taken = this.#take(bytes, end);
    if (taken < end) this.#unsent.push(Buffer.from(bytes.subarray(taken, end)));
  }

  /** The socket takes bytes again, or there are bytes again. */
  drain(): void {
    const waiting = this.#unsent;
    this.#unsent = [];
    for (let i = 0; i < waiting.length; i++) {
      const piece = waiting[i] as Uint8Array | Outgoing;
      const rest = piece instanceof Outgoing ? this.#sendFrom(piece) : this.#send(piece);
      if (rest) {
        this.#unsent = [rest, ...waiting.slice(i + 1)];
        return;
      }
    }
  }

  clear(): void {
    for (const one of this.#unsent) if (one instanceof Outgoing) one.close();
    this.#unsent = [];
  }

  /** What is left of it. */
  #send(piece: Uint8Array): Uint8Array | undefined {
    const taken = this.#take(piece, piece.length);
    return taken < piece.length ? piece.subarray(taken) : undefined;
  }

  /** Itself, unless all of it was sent: else the socket is full, or the next piece is being read. */
  #sendFrom(outgoing: Outgoing): Outgoing | undefined {
    const { piece } = outgoing;
    if (piece) outgoing.take(this.#take(piece, piece.length));
    return outgoing.done ? undefined : outgoing;
  }

  /** How many bytes the socket took; none while others wait. */
  #take(piece: Uint8Array, length: number): number {
    if (this.full || length === 0) return 0;
    const taken = Math.max(0, this.#socket.write(piece, 0, length));
    this.#figures.bytesWritten += taken;
    return taken;
  }
}
