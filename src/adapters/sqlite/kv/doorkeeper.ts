// Which items that were read from SQLite come into a full ring: those that were read before, not long ago.
//
// Written for speed: of a data set far larger than the ring most items are read once and pushed out unused, which took 0.9 µs of a get,
// and pushed out others that were used.

import { hashOf } from "./entries.ts";

/** About as many reads are remembered as the ring has items. */
const RING_BYTES_EACH = 128;

/** A table of hashes, each of which takes the place of another: so what it remembers is of late. (The term is TinyLFU's.) */
export class Doorkeeper {
  readonly #ringBytes: number;
  readonly #hashes: Int32Array;

  constructor(ringBytes: number) {
    this.#ringBytes = ringBytes;
    this.#hashes = new Int32Array(2 ** Math.floor(Math.log2(ringBytes / RING_BYTES_EACH)));
  }

  /** `mark`: bytes that have come into the ring since it was empty. As long as nobody has to leave, everybody may come. */
  admits(key: string, mark: number): boolean {
    if (mark < this.#ringBytes) return true;
    const hash = hashOf(key);
    const slot = hash & (this.#hashes.length - 1);
    if (this.#hashes[slot] === hash) return true;
    this.#hashes[slot] = hash;
    return false;
  }
}
