// What segments of the journal come to: of each key the last change only, in the order of the keys.
//
// Written for speed: the ring knows which change took the place of which, so it is walked once, and keys are sorted as the bytes
// they are. The journal was read again, and its keys told apart by a table of hashes: 0.2 µs a change, where it is 0.03.

import { ENTRY, type EntryBytes, GAP } from "./entries.ts";
import type { Changes } from "./unfolded.ts";

const FIRST_PLACES = 16_384;
/** So few keys are compared one by one. */
const FEW = 24;
const LONGEST_KEY = 255;
/** Of a key's bytes, those that are sorted at once, beside 24 bits for its number. */
const PACKED = 5;
/** Numbers of more keys have no room beside the bytes. */
const MOST_PACKED = 1 << 24;

/** Where the last change of each key begins, in units of 8 bytes. `bytes`: on the memory of the changes. */
export function lastChanges(bytes: EntryBytes, { capacity, from, to, after, last }: Changes): Int32Array {
  let places: Int32Array = new Int32Array(FIRST_PLACES);
  let count = 0;
  let at = from % capacity;
  for (let left = to - from; left > 0; ) {
    const isGap = bytes.kind(at) === GAP;
    const length = isGap ? capacity - at : bytes.length(at);
    const segment = isGap ? 0 : bytes.segment(at);
    if (segment > after && segment <= last && !bytes.isRetiredBy(at, last)) {
      if (count === places.length) places = doubled(places);
      places[count++] = at / 8;
    }
    left -= length;
    at = isGap ? 0 : (at + length) % capacity;
  }
  const taken = places.subarray(0, count);
  sortPlaces(bytes, taken, 0, count, 0);
  return taken;
}

function doubled(places: Int32Array): Int32Array {
  const more = new Int32Array(places.length * 2);
  more.set(places);
  return more;
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
