// The keys of a merge by time stamps: numbers, read from the bytes of the lines where they lie.

import { Columns } from "./columns.ts";
import { BEFORE_LAST, CONTINUES, IN_ORDER, type LineKeys, WITHOUT_KEY } from "./line-keys.ts";
import type { LineOrder } from "./line-order.ts";
import type { MergeSlots } from "./merge-slots.ts";
import { TimeStamp } from "./time-stamp.ts";

/** A moment is a code of so many to the second, and the nanoseconds that the code leaves. */
const TICKS = 1_024;
const REST_BITS = 20;
const REST = (1 << REST_BITS) - 1;
const NEVER = -Number.MAX_SAFE_INTEGER;

export class TimeKeys implements LineKeys {
  readonly codes: Float64Array;
  readonly #slots: MergeSlots;
  readonly #stamp = new TimeStamp();
  readonly #columns: Columns;
  readonly #column: number;
  /** Backwards, the later goes first: -1. */
  readonly #sign: number;
  readonly #continuation: boolean;
  /** By input: the nanoseconds that belong to the code. */
  readonly #rests: Int32Array;
  /** By input: the key of the line before. */
  readonly #previous: Float64Array;
  readonly #previousRests: Int32Array;
  /** The key that was passed last. */
  #last = Number.NaN;
  #lastRest = 0;

  constructor({ key, reverse, continuation }: LineOrder, slots: MergeSlots, inputs: number) {
    this.#slots = slots;
    this.#columns = new Columns(key?.delimiter);
    this.#column = key?.columns?.[0] ?? 1;
    this.#sign = reverse ? -1 : 1;
    this.#continuation = continuation === true;
    this.codes = new Float64Array(inputs);
    this.#rests = new Int32Array(inputs);
    this.#previous = new Float64Array(inputs).fill(Number.NEGATIVE_INFINITY);
    this.#previousRests = new Int32Array(inputs);
  }

  read(input: number, from: number, to: number): number {
    const bytes = this.#slots.bytes;
    const stamp = this.#stamp;
    let at = from;
    if (this.#column > 1) {
      if (!this.#columns.seek(bytes, from, to, this.#column)) return this.#missing();
      at = this.#columns.start;
    }
    if (!stamp.read(bytes, at, to)) return this.#missing();
    const code = this.#sign * (stamp.seconds * TICKS + (stamp.nanoseconds >> REST_BITS));
    const rest = this.#sign * (stamp.nanoseconds & REST);
    this.codes[input] = code;
    this.#rests[input] = rest;
    const previous = this.#previous[input] as number;
    const isBefore = code < previous || (code === previous && rest < (this.#previousRests[input] as number));
    return isBefore ? BEFORE_LAST : IN_ORDER;
  }

  readNone(input: number): void {
    this.codes[input] = this.#sign * NEVER;
    this.#rests[input] = 0;
  }

  pass(input: number): void {
    this.#last = this.codes[input] as number;
    this.#lastRest = this.#rests[input] as number;
    this.#previous[input] = this.#last;
    this.#previousRests[input] = this.#lastRest;
  }

  repeats(input: number): boolean {
    return this.codes[input] === this.#last && this.#rests[input] === this.#lastRest;
  }

  beats(a: number, b: number): boolean {
    const difference = (this.#rests[a] as number) - (this.#rests[b] as number);
    return difference === 0 ? a < b : difference < 0;
  }

  #missing(): number {
    return this.#continuation ? CONTINUES : WITHOUT_KEY;
  }
}
