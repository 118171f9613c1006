// Keys of several columns, put together so that the order of their bytes is the order of the columns.

import { Fault } from "../wire/faults.ts";
import type { Columns } from "./columns.ts";
import { at } from "./merge-slots.ts";

/** Bytes for one key, to begin with. */
const ROOM = 64;
/** Words are read up to 3 bytes beyond a key's end. */
const SLACK = 8;
/** Positions are 32-bit integers. */
const MOST = 0x7fffffff;

/** One column after another, each closed by 0 0, and a 0 in them is 0 255. A missing column is empty. */
export class JoinedKeys {
  /** Of the memory that the keys lie in. */
  view: DataView;
  #bytes: Uint8Array<ArrayBuffer>;
  readonly #wanted: readonly number[];
  readonly #columns: Columns;
  /** Two rooms for each input: of its head and of the line before, in turn. */
  readonly #room: Int32Array;
  readonly #capacity: Int32Array;
  readonly #heads: Uint8Array;
  #top: number;

  constructor(wanted: readonly number[], columns: Columns, inputs: number) {
    this.#wanted = wanted;
    this.#columns = columns;
    this.#room = Int32Array.from({ length: 2 * inputs }, (_, i) => i * ROOM);
    this.#capacity = new Int32Array(2 * inputs).fill(ROOM);
    this.#heads = new Uint8Array(inputs);
    this.#top = 2 * inputs * ROOM;
    this.#bytes = new Uint8Array(this.#top + SLACK);
    this.view = new DataView(this.#bytes.buffer);
  }

  headOf(input: number): number {
    return at(this.#room, 2 * input + (this.#heads[input] as number));
  }

  /** The head becomes the line before. */
  pass(input: number): void {
    this.#heads[input] = 1 - (this.#heads[input] as number);
  }

  /** Puts the key of the line `[from, to)` together as the input's head; returns its length. */
  read(input: number, bytes: Uint8Array, from: number, to: number): number {
    let length = 0;
    for (const column of this.#wanted) {
      this.#columns.seek(bytes, from, to, column);
      length = this.#append(input, length, bytes);
    }
    return length;
  }

  #append(input: number, length: number, bytes: Uint8Array): number {
    const { start } = this.#columns;
    const end = this.#columns.endFrom(bytes, start);
    // At most all of its bytes are zeros.
    this.#require(2 * input + (this.#heads[input] as number), length, 2 * (end - start) + 2);
    const into = this.#bytes;
    const key = this.headOf(input);
    let to = key + length;
    for (let from = start; from < end; from += 1) {
      const byte = bytes[from] as number;
      into[to++] = byte;
      if (byte === 0) into[to++] = 255;
    }
    into[to++] = 0;
    into[to++] = 0;
    return to - key;
  }

  /** Makes room for `more` bytes behind the `length` that are there. */
  #require(room: number, length: number, more: number): void {
    if (length + more <= at(this.#capacity, room)) return;
    const capacity = 2 * (length + more);
    const from = at(this.#room, room);
    const top = this.#top + capacity;
    if (top + SLACK > MOST) {
      throw new Fault("too-large", "the keys that have to be compared at one time take more than 2 GB", {
        hint: "Merge fewer inputs at one time (a lower fan-in).",
      });
    }
    if (top + SLACK > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(MOST, 2 * top + SLACK));
      larger.set(this.#bytes.subarray(0, this.#top));
      this.#bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    this.#bytes.copyWithin(this.#top, from, from + length);
    this.#room[room] = this.#top;
    this.#capacity[room] = capacity;
    this.#top = top;
  }
}
