// The items that SQLite does not have yet, and those that were used lately: a ring of memory with a table of hashes.
//
// Written for speed: no object an item, so nothing for the garbage collector, and its memory is bounded to the byte. A change of
// 100 bytes takes 0.08 µs with ten thousand keys, 0.35 with a million (0.48 where its keys were not looked at ahead).

import type { Item } from "../../../ports/kv.ts";
import type { Bytes } from "../../../wire/memcached/bytes.ts";
import type { Found } from "../../../wire/memcached/replies.ts";
import {
  DEAD,
  ENTRY,
  type EntryBytes,
  entryLength,
  FAR,
  FAR_PLACE,
  FETCHED,
  GAP,
  LARGEST,
  PUT,
  REFERENCED,
  REMOVE,
} from "./entries.ts";
import { type EntryHead, stampUse, writeEntry } from "./entry-writer.ts";
import { RingMemory } from "./ring-memory.ts";
import { KeyTable } from "./table.ts";
import { type Changes, Unfolded } from "./unfolded.ts";

/** Items that an insertion may save from leaving because they were used; and one more for each so many bytes of it. */
const MOST_SAVED = 8;
const BYTES_PER_SAVED = 32;

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
  readonly #memory: RingMemory;
  readonly capacity: number;
  readonly unfolded = new Unfolded();
  readonly #table = new KeyTable();
  /** Both only grow; the place is the rest by the capacity. */
  #head = 0;
  #tail = 0;
  /** Entries of segments up to this one are in SQLite. */
  #folded: number;

  /** `capacity` in bytes; the memory is taken as it fills. */
  constructor(capacity: number, folded: number) {
    this.capacity = capacity & ~7;
    this.#memory = new RingMemory(this.capacity);
    this.#folded = folded;
  }

  get #bytes(): EntryBytes {
    return this.#memory.bytes;
  }

  /** Bytes that can be added for certain before a fold makes more room. */
  get room(): number {
    // An entry that does not fit before the end of the memory leaves a gap there: at most the largest one.
    return this.capacity - this.#span - entryLength(250, LARGEST);
  }

  /** Where the entry of the key begins, or -1. It may be a removal: see `removed`. */
  find(key: string): number {
    const at = this.#table.find(this.#bytes, key);
    // What SQLite has by now is read from there: the segment's file may hold something else.
    return at >= 0 && this.#bytes.kind(at) === FAR && !this.isDirty(at) ? -1 : at;
  }

  isDirty(at: number): boolean {
    return this.#bytes.segment(at) > this.#folded;
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
   * Copies committed entries that stand in a row, for which there is `room`. None has a value over `LARGEST` bytes, nor have all
   * together many more. One whose key has an entry of the same segment and length is written over that: what is set again and
   * again stays where it stands, in the processor's caches, and takes no more room.
   */
  addRow(from: EntryBytes, start: number, end: number, segment: number): void {
    this.unfolded.begin(segment, this.#head);
    /** Where the next of those that are appended goes, and the end of what was made for them. */
    let to = 0;
    let made = 0;
    this.#table.touch(this.#bytes, from, start, end);
    for (let at = start, next = at; at < end; at = next) {
      next = at + entryLength(from.keyLength(at), from.size(at));
      let slot = this.#table.seek(this.#bytes, from, at);
      let older = this.#table.placeIn(slot);
      if (older >= 0 && this.#bytes.isReplaceable(older, next - at, segment)) {
        this.#copy(from, at, next, older, segment);
        this.use(older);
        continue;
      }
      if (made === 0) {
        to = this.#make(end - at);
        made = to + end - at;
        // What had to go may have been the older one.
        slot = this.#table.seek(this.#bytes, from, at);
        older = this.#table.placeIn(slot);
      }
      this.#copy(from, at, next, to, segment);
      if (older >= 0) this.#bytes.retire(older, segment);
      this.#table.put(this.#bytes, slot, to);
      to += next - at;
    }
    this.#head -= made - to;
  }

  /** Copies a committed entry, for which there is `room`. `offset`: where its value stands in the segment. */
  add(from: EntryBytes, at: number, segment: number, offset: number): void {
    this.unfolded.begin(segment, this.#head);
    const size = from.size(at);
    const isFar = size > LARGEST;
    const keyEnd = at + ENTRY.head + from.keyLength(at);
    const to = this.#make(entryLength(from.keyLength(at), isFar ? FAR_PLACE : size));
    this.#copy(from, at, isFar ? keyEnd : keyEnd + size, to, segment);
    if (isFar) this.#bytes.makeFar(to, offset, Bun.hash.crc32(from.value(at)));
    this.#index(to, segment);
  }

  /** Keeps what was read from SQLite, for a client at `fetchedAt` (ms; else 0), if it is small and there is room. One fetch does not save it from leaving. */
  remember(key: string, item: EntryHead & { readonly value: Bytes }, fetchedAt: number): void {
    const length = entryLength(key.length, item.value.length);
    if (item.value.length > LARGEST || this.#span + length > this.capacity / 2) return;
    const to = this.#make(length);
    writeEntry(this.#bytes, to, PUT, key, item, item.value);
    if (fetchedAt !== 0) stampUse(this.#bytes, to, fetchedAt, true);
    this.#index(to, 0);
  }

  /** What a fold of all segments up to this one needs: its entries stay as they are until it is over. */
  changes(last: number): Changes {
    const memory = this.#memory.lend();
    return { memory, capacity: this.capacity, after: this.#folded, ...this.unfolded.upTo(last, this.#head) };
  }

  /** SQLite has all up to this segment. */
  folded(segment: number): void {
    this.#memory.returned();
    this.#folded = segment;
    this.unfolded.folded(segment);
  }

  get mark(): number {
    return this.#head;
  }

  clear(): void {
    this.#table.clear();
    this.#memory.clear();
    this.#head = 0;
    this.#tail = 0;
    this.unfolded.clear();
  }

  /** From the oldest dirty entry to the head. */
  get #span(): number {
    return Math.max(0, this.#head - this.unfolded.oldest);
  }

  #value(at: number, want: Want, far: Far): Bytes {
    const { u8, buffer } = this.#bytes;
    const from = at + ENTRY.head + this.#bytes.keyLength(at);
    const size = this.#bytes.size(at);
    if (this.#bytes.kind(at) === FAR) {
      return far(this.#bytes.segment(at), this.#bytes.farPlace(at).offset, size);
    }
    return want === "place" ? { source: buffer, at: from, length: size } : u8.slice(from, from + size);
  }

  #copy(from: EntryBytes, at: number, end: number, to: number, segment: number): void {
    from.buffer.copy(this.#bytes.buffer, to, at, end);
    this.#bytes.i32[(to + ENTRY.segment) >> 2] = segment;
  }

  /** Enters the entry, in place of an older one of its key. */
  #index(at: number, segment: number): void {
    const slot = this.#table.seek(this.#bytes, this.#bytes, at);
    const older = this.#table.placeIn(slot);
    if (older >= 0) this.#bytes.retire(older, segment);
    this.#table.put(this.#bytes, slot, at);
  }

  /** Frees `length` bytes in one piece at the head and returns where they begin. */
  #make(length: number): number {
    const most = MOST_SAVED + length / BYTES_PER_SAVED;
    let saved = 0;
    for (;;) {
      if (this.capacity - (this.#head % this.capacity) < length) this.#skipToStart();
      if (this.capacity - (this.#head - this.#tail) >= length) break;
      if (this.#evict(saved < most)) saved++;
    }
    this.#memory.reach((this.#head % this.capacity) + length);
    this.#head += length;
    return (this.#head - length) % this.capacity;
  }

  #skipToStart(): void {
    const at = this.#head % this.capacity;
    const length = this.capacity - at;
    while (this.capacity - (this.#head - this.#tail) < length) this.#evict(false);
    this.#memory.reach(this.capacity);
    // A gap may be as short as 8 bytes: the shape is all that is written of it.
    this.#bytes.i32[(at + ENTRY.shape) >> 2] = (GAP << 8) | DEAD;
    this.#head += length;
  }

  /** Lets the oldest entry go, or moves it to the head: then true. */
  #evict(maySave: boolean): boolean {
    const at = this.#tail % this.capacity;
    const shape = this.#bytes.i32[(at + ENTRY.shape) >> 2] as number;
    if (((shape >>> 8) & 255) === GAP) {
      this.#tail += this.capacity - at;
      return false;
    }
    const isFar = ((shape >>> 8) & 255) === FAR;
    const length = this.#bytes.length(at);
    if ((shape & DEAD) !== 0) {
      this.#tail += length;
      return false;
    }
    if (this.isDirty(at)) throw new Error("the ring of items is full of what is not folded yet");
    this.#tail += length;
    const fits = this.capacity - (this.#head % this.capacity) >= length;
    const mayGrow = this.#span + length <= this.capacity / 2;
    if (maySave && (shape & REFERENCED) !== 0 && fits && mayGrow && !isFar) {
      const to = this.#head % this.capacity;
      this.#memory.reach(to + length);
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
