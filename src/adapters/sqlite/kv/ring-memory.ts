// The memory of the ring: it grows where it is, and is shared with the thread that folds.

import { EntryBytes } from "./entries.ts";

const FIRST_BYTES = 4_194_304;
const LEAST = 25_165_824;
/** Places in the ring are computed with 32 bits. */
const MOST = 2_000_000_000;

/** Of the ring: what a fold keeps beside it is not its. A journal that was written with a larger cache must fit too. */
export function ringBytes(cacheBytes: number, journalBytes: number): number {
  return Math.min(MOST, Math.max(LEAST, cacheBytes * 0.75, 1.5 * journalBytes));
}

export class RingMemory {
  readonly capacity: number;
  #shared: SharedArrayBuffer;
  /** Another after it has grown, or was cleared. */
  bytes: EntryBytes;
  #lent = false;

  /** All of it is reserved, and none taken before it is needed. */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.#shared = reserve(capacity);
    this.bytes = new EntryBytes(this.#shared);
  }

  /** Twice as much, and no copy of it: so the garbage collector, which counts it, lets as little garbage lie as fits to it. */
  reach(end: number): void {
    const { byteLength } = this.#shared;
    if (end <= byteLength) return;
    this.#shared.grow(Math.min(this.capacity, Math.max(end, byteLength * 2)));
    this.bytes = new EntryBytes(this.#shared);
  }

  /** For another thread to read, until it is `returned`. */
  lend(): SharedArrayBuffer {
    this.#lent = true;
    return this.#shared;
  }

  returned(): void {
    this.#lent = false;
  }

  /** Everything in it may be overwritten; whoever it is lent to goes on reading what was there. */
  clear(): void {
    if (!this.#lent) return;
    this.#shared = reserve(this.capacity);
    this.bytes = new EntryBytes(this.#shared);
    this.#lent = false;
  }
}

function reserve(capacity: number): SharedArrayBuffer {
  return new SharedArrayBuffer(Math.min(FIRST_BYTES, capacity), { maxByteLength: capacity });
}
