// The items that SQLite does not have yet, and those that were used lately: a ring of memory with a table of hashes.
//
// Written for speed: no object an item, so nothing for the garbage collector, and its memory is bounded to the byte.

import type { Item } from "../../ports/kv.ts";
import type { Bytes } from "../../wire/memcached/bytes.ts";
import type { Found } from "../../wire/memcached/replies.ts";
import {
  ENTRY,
  EntryBytes,
  type EntryHead,
  entryLength,
  FAR,
  FETCHED,
  GAP,
  LARGEST,
  PUT,
  REMOVE,
  writeEntry,
} from "./kv-entries.ts";
import { KeyTable } from "./kv-table.ts";

const REFERENCED = 1 << 25;
const DEAD = 1 << 26;
/** Items that an insertion may save from leaving because they were used; and one more for each so many bytes of it. */
const MOST_SAVED = 8;
const BYTES_PER_SAVED = 32;
const FIRST_BYTES = 4_194_304;

/** Of an item: no value, where it stands, or one that is its own. */
export type Want = "head" | "place" | "copy";

/** Reads a value that stands in the journal. */
export type Far = (segment: number, offset: number, size: number) => Uint8Array;

const NO_VALUE = new Uint8Array(0);

/**
 * New entries go to the head, and push the oldest out at the tail: unless it was used since (then it moves to the head),
 * or SQLite does not have it yet (then there is no room, and the caller has to wait for the fold).
 */
export class KvRing {
  #bytes: EntryBytes;
  readonly #capacity: number;
  readonly #table = new KeyTable();
  /** Both only grow; the place is the rest by the capacity. */
  #head = 0;
  #tail = 0;
  /** Where the oldest entry may stand that SQLite does not have; `Infinity`: it has all. */
  #oldestDirty = Number.POSITIVE_INFINITY;
  /** Entries of segments up to this one are in SQLite. */
  #folded: number;

  /** `capacity` in bytes; the memory is taken as it fills. */
  constructor(capacity: number, folded: number) {
    this.#capacity = capacity & ~7;
    this.#bytes = new EntryBytes(Math.min(FIRST_BYTES, this.#capacity));
    this.#folded = folded;
  }

  /** Bytes that can be added for certain before a fold makes more room. */
  get room(): number {
    // An entry that does not fit before the end of the memory leaves a gap there: at most the largest one.
    return this.#capacity - this.#span - entryLength(250, LARGEST);
  }

  /** Where the entry of the key begins, or -1. It may be a removal: see `removed`. */
  find(key: string): number {
    const at = this.#table.find(this.#bytes, key);
    // What SQLite has by now is read from there: the segment's file may hold something else.
    return at >= 0 && this.#bytes.kind(at) === FAR && !this.isDirty(at) ? -1 : at;
  }

  isDirty(at: number): boolean {
    return (this.#bytes.i32[(at + ENTRY.segment) >> 2] as number) >>> 0 > this.#folded;
  }

  removed(at: number): boolean {
    return this.#bytes.kind(at) === REMOVE;
  }

  state(at: number): number {
    return this.#bytes.state(at);
  }

  isSpooled(at: number): boolean {
    return this.#bytes.spooled(at);
  }

  /** For an entry that is not removed. A `place` is valid until the next change. */
  item(at: number, want: Want, far: Far): Item {
    const bytes = this.#bytes;
    return {
      flags: bytes.flags(at),
      exptime: bytes.exptime(at),
      cas: bytes.cas(at),
      size: bytes.size(at),
      state: bytes.state(at),
      accessed: bytes.accessed(at),
      fetched: bytes.fetched(at),
      value: want === "head" ? NO_VALUE : this.#value(at, want, far),
    };
  }

  /** What a `get` is answered; it counts as fetched. The value may be a place. */
  get(at: number, now: number, far: Far): Found | "miss" {
    const bytes = this.#bytes;
    const exptime = bytes.exptime(at);
    if (bytes.kind(at) === REMOVE || (exptime !== 0 && exptime <= now)) return "miss";
    this.fetch(at, now);
    return {
      kind: "found",
      flags: bytes.flags(at),
      cas: bytes.cas(at),
      value: this.#value(at, "place", far),
    };
  }

  /** It was used: it stays longer. */
  use(at: number): void {
    this.#bytes.mark(at, REFERENCED);
  }

  fetch(at: number, now: number): void {
    const word = at >> 2;
    const { i32 } = this.#bytes;
    i32[word + 1] = (i32[word + 1] as number) | REFERENCED | FETCHED;
    i32[word + 9] = Math.floor(now / 1_000);
  }

  /**
   * Copies committed entries that stand in a row, for which there is `room`: one copy for all of them. None has a value
   * over `LARGEST` bytes, nor have all together many more.
   */
  addRow(from: EntryBytes, start: number, end: number, segment: number): void {
    const length = end - start;
    const to = this.#make(length);
    if (this.#oldestDirty === Number.POSITIVE_INFINITY) this.#oldestDirty = this.#head - length;
    const { u8, i32 } = this.#bytes;
    u8.set(from.u8.subarray(start, end), to);
    for (let at = to; at < to + length; ) {
      const word = at >> 2;
      i32[word + (ENTRY.segment >> 2)] = segment;
      const next = at + entryLength((i32[word + 1] as number) & 255, (i32[word + 2] as number) >>> 0);
      this.#index(at);
      at = next;
    }
  }

  /** Copies a committed entry, for which there is `room`. `offset`: where its value stands in the segment. */
  add(from: EntryBytes, at: number, segment: number, offset: number): void {
    const keyLength = from.keyLength(at);
    const size = from.size(at);
    const isFar = size > LARGEST;
    const length = entryLength(keyLength, isFar ? 8 : size);
    const to = this.#make(length);
    if (this.#oldestDirty === Number.POSITIVE_INFINITY) this.#oldestDirty = this.#head - length;
    const { u8, i32 } = this.#bytes;
    u8.set(from.u8.subarray(at, at + ENTRY.head + keyLength + (isFar ? 0 : size)), to);
    i32[(to + ENTRY.segment) >> 2] = segment;
    if (isFar) {
      const word = (to + ENTRY.shape) >> 2;
      i32[word] = ((i32[word] as number) & ~0xff00) | (FAR << 8);
      this.#bytes.buffer.writeDoubleLE(offset, to + ENTRY.head + keyLength);
    }
    this.#index(to);
  }

  /** An item that was read from SQLite. Kept if there is room for what is not needed, and it is not large. */
  remember(key: string, item: EntryHead & { readonly value: Bytes }): void {
    const length = entryLength(key.length, item.value.length);
    if (item.value.length > LARGEST || this.#span + length > this.#capacity / 2) return;
    const to = this.#make(length);
    writeEntry(this.#bytes, to, PUT, key, item, item.value);
    this.#index(to);
  }

  /** SQLite has all up to this segment. `since`: the `mark` at which the first of the others began; none: `Infinity`. */
  folded(segment: number, since: number): void {
    this.#folded = segment;
    this.#oldestDirty = since;
  }

  /** Where the next entry will stand at the earliest. */
  get mark(): number {
    return this.#head;
  }

  clear(): void {
    this.#table.clear();
    this.#tail = this.#head;
    this.#oldestDirty = Number.POSITIVE_INFINITY;
  }

  /** From the oldest dirty entry to the head. */
  get #span(): number {
    return Math.max(0, this.#head - this.#oldestDirty);
  }

  #value(at: number, want: Want, far: Far): Bytes {
    const { u8, i32, buffer } = this.#bytes;
    const from = at + ENTRY.head + this.#bytes.keyLength(at);
    const size = this.#bytes.size(at);
    if (this.#bytes.kind(at) === FAR) {
      return far((i32[(at + ENTRY.segment) >> 2] as number) >>> 0, buffer.readDoubleLE(from), size);
    }
    return want === "place" ? { source: buffer, at: from, length: size } : u8.slice(from, from + size);
  }

  /** Enters the entry, in place of an older one of its key. */
  #index(at: number): void {
    const older = this.#table.enter(this.#bytes, at);
    if (older >= 0) this.#bytes.mark(older, DEAD);
  }

  /** Frees `length` bytes in one piece at the head and returns where they begin. */
  #make(length: number): number {
    const most = MOST_SAVED + length / BYTES_PER_SAVED;
    let saved = 0;
    if (this.#capacity - (this.#head % this.#capacity) < length) this.#skipToStart();
    while (this.#capacity - (this.#head - this.#tail) < length) {
      if (this.#evict(saved < most)) saved++;
      if (this.#capacity - (this.#head % this.#capacity) < length) this.#skipToStart();
    }
    this.#reach((this.#head % this.#capacity) + length);
    this.#head += length;
    return (this.#head - length) % this.#capacity;
  }

  /** Until the head comes to the end for the first time, memory is taken as it is needed. */
  #reach(end: number): void {
    const { length } = this.#bytes.u8;
    if (end > length) this.#bytes = this.#bytes.grown(Math.min(this.#capacity, Math.max(end, length * 2)));
  }

  #skipToStart(): void {
    const at = this.#head % this.#capacity;
    const length = this.#capacity - at;
    while (this.#capacity - (this.#head - this.#tail) < length) this.#evict(false);
    this.#reach(this.#capacity);
    // A gap may be as short as 8 bytes: the shape is all that is written of it.
    this.#bytes.i32[(at + ENTRY.shape) >> 2] = (GAP << 8) | DEAD;
    this.#head += length;
  }

  /** Lets the oldest entry go, or moves it to the head: then true. */
  #evict(maySave: boolean): boolean {
    const at = this.#tail % this.#capacity;
    const shape = this.#bytes.i32[(at + ENTRY.shape) >> 2] as number;
    if (((shape >>> 8) & 255) === GAP) {
      this.#tail += this.#capacity - at;
      return false;
    }
    const isFar = ((shape >>> 8) & 255) === FAR;
    const length = entryLength(shape & 255, isFar ? 8 : this.#bytes.size(at));
    if ((shape & DEAD) !== 0) {
      this.#tail += length;
      return false;
    }
    if (this.isDirty(at)) throw new Error("the ring of items is full of what is not folded yet");
    this.#tail += length;
    const fits = this.#capacity - (this.#head % this.#capacity) >= length;
    const mayGrow = this.#span + length <= this.#capacity / 2;
    if (maySave && (shape & REFERENCED) !== 0 && fits && mayGrow && !isFar) {
      const to = this.#head % this.#capacity;
      this.#reach(to + length);
      this.#bytes.u8.copyWithin(to, at, at + length);
      this.#bytes.i32[(to + ENTRY.shape) >> 2] = shape & ~REFERENCED;
      this.#table.move(this.#bytes, at, to);
      this.#head += length;
      return true;
    }
    this.#table.remove(this.#bytes, at);
    return false;
  }
}
