// Finds lines in a sorted file by their keys, in a few reads: where a merge can be cut into parts.
//
// Written for speed: 300 files are cut in some forty places while two threads wait for the answers. No object is made
// for each line that is looked at; with one, the garbage of a merge of 136 MB took 40 MB.

import { isFault } from "../wire/faults.ts";
import { isKeyed, type KeyOf, keyReader, type LineOrder } from "./line-order.ts";
import { compareKeys } from "./line-records.ts";
import type { SortedFile } from "./merge-input.ts";

/** Bytes read to look at one line; more only where it does not end in them. */
const GLANCE = 1024;
/** A range this narrow is read at once, and searched in memory. */
const WINDOW = 8 * 1024;
/** Where so many bytes hold no line that begins a record, the file is not cut. */
const FARTHEST = 1024 * 1024;
const NEWLINE = 10;

/** A line that begins a record. */
export interface FoundLine {
  /** Of its first byte. */
  readonly start: number;
  readonly key: Uint8Array;
}

/** Answers are undefined where the next record is too far away or has no key, or the file was cut short meanwhile. */
export class SortedLines {
  readonly size: number;
  readonly #file: SortedFile;
  readonly #order: LineOrder;
  /** Undefined where the whole line is the key. */
  readonly #keyOf: KeyOf | undefined;
  #window = Buffer.alloc(WINDOW + 2 * GLANCE);
  /** What of the file lies in the window: `[from, to)`. */
  #from = 0;
  #to = 0;
  /** The record that was found last: its line without the newline, and its key if that is not the line. */
  #start = 0;
  #end = 0;
  #key: Uint8Array | undefined;

  constructor(file: SortedFile, order: LineOrder) {
    this.size = file.size;
    this.#file = file;
    this.#order = order;
    if (isKeyed(order)) this.#keyOf = keyReader(order);
  }

  /** The first record that begins at `position` or behind it, with at most `longest` bytes of its key; `end`: none does. */
  recordFrom(position: number, longest: number): FoundLine | "end" | undefined {
    const start = this.#seek(position);
    if (start === undefined) return undefined;
    if (start === this.size) return "end";
    const key = this.#key ?? this.#window.subarray(start - this.#from, this.#end - this.#from);
    return { start, key: new Uint8Array(key.subarray(0, longest)) };
  }

  /**
   * Where the first record begins whose key is not before `key`, or the file's size. `from` begins a record, and so
   * does `to`, whose key is not before `key`, or it is the size. Whatever the file holds, the records on both sides
   * of the answer are in order.
   */
  cut(key: Uint8Array, from: number, to: number): number | undefined {
    const first = this.#seek(from);
    if (first === undefined || first === this.size) return first;
    if (this.#isBehind(key)) return from;
    let [low, high] = [from + 1, to];
    // No record begins between `high` and `found`; every one that begins before `low` is before the key.
    for (let found = to; ; ) {
      if (low >= high) return found;
      if (high - low <= WINDOW && !this.#load(low - 1, high + GLANCE)) return undefined;
      const middle = low + Math.floor((high - low) / 2);
      const start = this.#seek(middle);
      if (start === undefined) return undefined;
      if (start >= found) high = middle;
      else if (this.#isBehind(key)) [found, high] = [start, middle];
      else low = start + 1;
    }
  }

  /** Finds the first record from `position` on and returns where it begins: the size, if there is none. */
  #seek(position: number): number | undefined {
    let start = position === 0 ? 0 : this.#behindNewline(position - 1);
    while (start !== undefined && start - position <= FARTHEST) {
      if (start >= this.size) return this.size;
      const next = this.#behindNewline(start);
      if (next === undefined) return undefined;
      this.#start = start;
      this.#end = this.#window[next - 1 - this.#from] === NEWLINE ? next - 1 : next;
      if (!this.#keyOf) return start;
      const key = this.#keyAt(start, this.#end);
      if (key === "none") return undefined;
      this.#key = key;
      if (key) return start;
      start = next;
    }
    return undefined;
  }

  /** `none`: the line must have a key and has none, which the merge tells, with its number. */
  #keyAt(start: number, end: number): Uint8Array | undefined | "none" {
    try {
      return this.#keyOf?.(this.#window.subarray(start - this.#from, end - this.#from));
    } catch (error) {
      if (isFault(error)) return "none";
      throw error;
    }
  }

  /** Whether the record that was found is not before `key`. */
  #isBehind(key: Uint8Array): boolean {
    if (this.#key) return compareKeys(this.#key, key, this.#order) >= 0;
    const compared = this.#window.compare(
      key,
      0,
      key.length,
      this.#start - this.#from,
      this.#end - this.#from,
    );
    return this.#order.reverse ? compared <= 0 : compared >= 0;
  }

  /** The first position behind a newline at or after `position`, or the size; all between them is in the window then. */
  #behindNewline(position: number): number | undefined {
    if (position < this.#from || position >= this.#to) {
      if (!this.#load(position, position + GLANCE)) return undefined;
    }
    for (;;) {
      const at = this.#window.indexOf(NEWLINE, position - this.#from);
      if (at >= 0 && this.#from + at < this.#to) return this.#from + at + 1;
      if (this.#to >= this.size) return this.size;
      const held = this.#to - position;
      if (held > FARTHEST || !this.#load(position, position + Math.max(GLANCE, 4 * held))) return undefined;
    }
  }

  /** False when the file has become shorter. */
  #load(from: number, until: number): boolean {
    const to = Math.min(this.size, until);
    if (from >= this.#from && to <= this.#to) return true;
    if (to - from > this.#window.length) this.#window = Buffer.alloc(to - from);
    this.#from = from;
    this.#to = from + this.#file.read(this.#window.subarray(0, to - from), from);
    return this.#to === to;
  }
}
