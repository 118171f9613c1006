// Where the entry of a key stands in the ring: a table of hashes, without an object a key.
//
// Written for speed: 4 to 8 bytes an entry; keys are compared in the ring's memory, and only where the hashes agree.

import { ENTRY, type EntryBytes, entryLength, hashOf } from "./entries.ts";

const FIRST_SLOTS = 16_384;
const FULL = 0.6;
const KEY_WORD = ENTRY.head >> 2;

/** Open addressing with linear probing. `bytes` is the ring's memory, in which all entries of the table stand. */
export class KeyTable {
  /** Places in units of 8 bytes, and one more; 0: empty. */
  #slots = new Int32Array(FIRST_SLOTS);
  #mask = FIRST_SLOTS - 1;
  #used = 0;
  /** Of no meaning, but that `touch` has an effect. */
  touched = 0;

  /** Where the entry of the key begins, or -1. */
  find(bytes: EntryBytes, key: string): number {
    const { i32 } = bytes;
    const slots = this.#slots;
    const mask = this.#mask;
    const hash = hashOf(key);
    let slot = hash & mask;
    for (let place = slots[slot] as number; place !== 0; place = slots[slot] as number) {
      if (i32[(place - 1) * 2] === hash && bytes.hasKey((place - 1) * 8, key)) return (place - 1) * 8;
      slot = (slot + 1) & mask;
    }
    return -1;
  }

  /**
   * The slot for the entry at `at` of `from`: that of its key, or an empty one. Valid until the next change.
   */
  seek(bytes: EntryBytes, from: EntryBytes, at: number): number {
    const { i32 } = bytes;
    const slots = this.#slots;
    const mask = this.#mask;
    const hash = from.i32[at >> 2] as number;
    let slot = hash & mask;
    for (let place = slots[slot] as number; place !== 0; place = slots[slot] as number) {
      const other = (place - 1) * 8;
      if (i32[other >> 2] === hash && bytes.haveSameKey(other, from, at)) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  /**
   * Looks at what `seek` will look at for each of the entries in a row. Nothing comes of it but that the processor fetches what is not in
   * its caches for many keys at once, and not for one after the other (a million keys: 0.2 µs each, where it was 0.4).
   */
  touch({ i32 }: EntryBytes, from: EntryBytes, start: number, end: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let seen = 0;
    for (let at = start; at < end; at += entryLength(from.keyLength(at), from.size(at))) {
      seen ^= slots[(from.i32[at >> 2] as number) & mask] as number;
    }
    for (let at = start; at < end; at += entryLength(from.keyLength(at), from.size(at))) {
      const place = slots[(from.i32[at >> 2] as number) & mask] as number;
      // Its hash, and the beginning of its key, which may stand in the next line of the cache.
      if (place !== 0) seen ^= (i32[(place - 1) * 2] as number) ^ (i32[(place - 1) * 2 + KEY_WORD] as number);
    }
    this.touched = seen;
  }

  /** Where the entry in the slot begins, or -1: it is empty. */
  placeIn(slot: number): number {
    const place = this.#slots[slot] as number;
    return place === 0 ? -1 : (place - 1) * 8;
  }

  /** Enters the entry at `at` in the slot that `seek` found for it. */
  put(bytes: EntryBytes, slot: number, at: number): void {
    const isNew = this.#slots[slot] === 0;
    this.#slots[slot] = at / 8 + 1;
    if (isNew && ++this.#used > this.#mask * FULL) this.#grow(bytes);
  }

  /** The entry that stood at `at`, and may be overwritten there, was copied to `to`. */
  move({ i32 }: EntryBytes, at: number, to: number): void {
    this.#slots[this.#slotOf(i32[to >> 2] as number, at)] = to / 8 + 1;
  }

  /** Takes out the entry at `at`, which is in the table, and moves up what would no longer be found. */
  remove({ i32 }: EntryBytes, at: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let hole = this.#slotOf(i32[at >> 2] as number, at);
    for (let next = (hole + 1) & mask; slots[next] !== 0; next = (next + 1) & mask) {
      const home = (i32[((slots[next] as number) - 1) * 2] as number) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      slots[hole] = slots[next] as number;
      hole = next;
    }
    slots[hole] = 0;
    this.#used--;
  }

  clear(): void {
    this.#slots = new Int32Array(FIRST_SLOTS);
    this.#mask = FIRST_SLOTS - 1;
    this.#used = 0;
  }

  #slotOf(hash: number, at: number): number {
    const place = at / 8 + 1;
    let slot = hash & this.#mask;
    while (this.#slots[slot] !== place) slot = (slot + 1) & this.#mask;
    return slot;
  }

  /** Twice the slots. A table for few items stays in the processor's caches; a million entries move in some 15 ms. */
  #grow({ i32 }: EntryBytes): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2);
    this.#mask = this.#slots.length - 1;
    for (let i = 0; i < old.length; i++) {
      const place = old[i] as number;
      if (place === 0) continue;
      let slot = (i32[(place - 1) * 2] as number) & this.#mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = place;
    }
  }
}
