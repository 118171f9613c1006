// What segments of the journal come to: of each key the last change only, in the order of the keys.
//
// Written for speed: keys are told apart by a table of hashes, and sorted, as the bytes they are. With a string and an
// entry of a Map for each change it took 0.7 µs a change; see docs/decisions/0004-a-journal-before-the-items.md.

import { ENTRY, type EntryBytes, FLUSH, FLUSH_AT, PUT, REMOVE } from "./kv-entries.ts";
import type { FoldedValues } from "./kv-folded-values.ts";
import { eachEntry, type ReadRecord } from "./kv-records.ts";

const FIRST_SLOTS = 16_384;
/** So few keys are compared one by one. */
const FEW = 24;
const LONGEST_KEY = 255;
/** Of a key's bytes, those that are sorted at once, beside 24 bits for its number. */
const PACKED = 5;
/** Numbers of more keys have no room beside the bytes. */
const MOST_PACKED = 1 << 24;

export class Outcome {
  flushed = false;
  /** undefined: as it was. */
  flushAt: number | undefined;
  cas = 0;
  readonly #bytes: EntryBytes;
  readonly #values: Pick<FoldedValues, "stored">;
  /** Of each key its last change: where it begins, in units of 8 bytes. */
  #places = new Int32Array(FIRST_SLOTS / 2);
  #count = 0;
  /** Two words a slot: the hash of a key, and its number in `#places` and one more; 0: empty. Linear probing. */
  #table = new Int32Array(2 * FIRST_SLOTS);
  #mask = FIRST_SLOTS - 1;

  /** `bytes`: what all records that it takes stand in. `values`: is told of those that are large. */
  constructor(bytes: EntryBytes, values: Pick<FoldedValues, "stored">) {
    this.#bytes = bytes;
    this.#values = values;
  }

  take(record: Pick<ReadRecord, "bytes" | "at" | "length" | "cas">): void {
    this.cas = Math.max(this.cas, record.cas);
    eachEntry(record, (kind, bytes, at) => {
      if (kind === PUT || kind === REMOVE) {
        this.#enter(at);
        if (bytes.spooled(at)) this.#values.stored(bytes.value(at));
      } else if (kind === FLUSH) {
        this.#clear();
        this.flushed = true;
        this.flushAt = 0;
      } else if (kind === FLUSH_AT) {
        this.flushAt = bytes.exptime(at);
      }
    });
  }

  /** Where the last change of each key begins, in units of 8 bytes. */
  sorted(): Int32Array {
    const places = this.#places.subarray(0, this.#count);
    sortPlaces(this.#bytes, places, 0, places.length, 0);
    return places;
  }

  #enter(at: number): void {
    const bytes = this.#bytes;
    const table = this.#table;
    const hash = bytes.i32[(at + ENTRY.hash) >> 2] as number;
    let slot = hash & this.#mask;
    for (let number = table[2 * slot + 1] as number; number !== 0; number = table[2 * slot + 1] as number) {
      if (table[2 * slot] === hash && bytes.haveSameKey((this.#places[number - 1] as number) * 8, at)) {
        this.#places[number - 1] = at / 8;
        return;
      }
      slot = (slot + 1) & this.#mask;
    }
    if (this.#count === this.#places.length) this.#grow();
    this.#places[this.#count++] = at / 8;
    // The slots may have moved.
    insert(this.#table, this.#mask, hash, this.#count);
  }

  /** The table is half full at most. */
  #grow(): void {
    const places = new Int32Array(this.#places.length * 2);
    places.set(this.#places);
    this.#places = places;
    const old = this.#table;
    this.#table = new Int32Array(old.length * 2);
    this.#mask = this.#mask * 2 + 1;
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] !== 0) insert(this.#table, this.#mask, old[i] as number, old[i + 1] as number);
    }
  }

  #clear(): void {
    if (this.#count > 0) this.#table.fill(0);
    this.#count = 0;
  }
}

function insert(table: Int32Array, mask: number, hash: number, number: number): void {
  let slot = hash & mask;
  while (table[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
  table[2 * slot] = hash;
  table[2 * slot + 1] = number;
}

/**
 * Sorts those in [from, end) by their keys, which are the same up to `depth`: what they have in common is skipped, their
 * next bytes are packed into a number with the place's own, and numbers are sorted natively. Then those whose packed bytes
 * are equal, alike.
 */
function sortPlaces(bytes: EntryBytes, places: Int32Array, from: number, end: number, depth: number): void {
  const count = end - from;
  if (count <= FEW) {
    sortFew(bytes, places, from, end);
    return;
  }
  if (count > MOST_PACKED || depth >= LONGEST_KEY) {
    places.subarray(from, end).sort((one, other) => compareKeys(bytes, one * 8, other * 8));
    return;
  }
  const start = commonLength(bytes, places, from, end, depth);
  const packed = new BigUint64Array(count);
  // The lower word stands first, as on every machine that Bun runs on.
  const words = new Uint32Array(packed.buffer);
  for (let i = 0; i < count; i++) pack(bytes, (places[from + i] as number) * 8, start, words, i);
  packed.sort();
  const before = places.slice(from, end);
  for (let i = 0; i < count; i++) {
    places[from + i] = before[(words[2 * i] as number) & (MOST_PACKED - 1)] as number;
  }
  for (let first = 0, i = 1; i <= count; i++) {
    if (i < count && isPackedAlike(words, i, first)) continue;
    if (i - first > 1) sortPlaces(bytes, places, from + first, from + i, start + PACKED);
    first = i;
  }
}

/** Bytes of the key from `start` on, zeros behind its end, before the number `i`. */
function pack(bytes: EntryBytes, at: number, start: number, words: Uint32Array, i: number): void {
  const { u8 } = bytes;
  const from = at + ENTRY.head + start;
  const end = at + ENTRY.head + bytes.keyLength(at);
  let high = 0;
  for (let n = from; n < from + PACKED - 1; n++) high = (high << 8) | (n < end ? (u8[n] as number) : 0);
  const last = from + PACKED - 1 < end ? (u8[from + PACKED - 1] as number) : 0;
  words[2 * i] = (last << 24) | i;
  words[2 * i + 1] = high;
}

function isPackedAlike(words: Uint32Array, one: number, other: number): boolean {
  if (words[2 * one + 1] !== words[2 * other + 1]) return false;
  return (words[2 * one] as number) >>> 24 === (words[2 * other] as number) >>> 24;
}

/** How many bytes all keys have in common, of which `depth` are known. */
function commonLength(
  bytes: EntryBytes,
  places: Int32Array,
  from: number,
  end: number,
  depth: number,
): number {
  const { u8 } = bytes;
  const first = (places[from] as number) * 8;
  let common = bytes.keyLength(first);
  for (let i = from + 1; i < end; i++) {
    const at = (places[i] as number) * 8;
    common = Math.min(common, bytes.keyLength(at));
    for (let n = depth; n < common; n++) {
      if (u8[at + ENTRY.head + n] !== u8[first + ENTRY.head + n]) common = n;
    }
  }
  return Math.max(common, depth);
}

/** By insertion. */
function sortFew(bytes: EntryBytes, places: Int32Array, from: number, end: number): void {
  for (let i = from + 1; i < end; i++) {
    const place = places[i] as number;
    let to = i;
    while (to > from && compareKeys(bytes, (places[to - 1] as number) * 8, place * 8) > 0) {
      places[to] = places[to - 1] as number;
      to--;
    }
    places[to] = place;
  }
}

function compareKeys(bytes: EntryBytes, one: number, other: number): number {
  const { u8 } = bytes;
  const length = bytes.keyLength(one);
  const otherLength = bytes.keyLength(other);
  const shorter = Math.min(length, otherLength);
  for (let i = ENTRY.head; i < ENTRY.head + shorter; i++) {
    const difference = (u8[one + i] as number) - (u8[other + i] as number);
    if (difference !== 0) return difference;
  }
  return length - otherLength;
}
