// The output of the merge by keys: ranges of the arena, copied as far as they fit, with what is put before them.

import type { MergeSlots } from "./merge-slots.ts";
import { HEADER, writeHeader } from "./record-frames.ts";

const NEWLINE = 10;

/** Bytes that `RecordOutput` needs at the arena's beginning: two outputs, the header of a record, and the prefixes. */
export function outputSize(size: number, prefixes: readonly Uint8Array[]): number {
  return prefixes.reduce((sum, { length }) => sum + length, 2 * size + HEADER);
}

export class RecordOutput {
  readonly #slots: MergeSlots;
  readonly #size: number;
  /** Where the output that is being filled begins; there are two, so that one can be written meanwhile. */
  #output = 0;
  #filled = 0;
  /** What goes next, `[from, to)`. */
  #from = 0;
  #to = 0;
  /** Lines that go behind it, `[next, until)`, with a prefix, `[prefix, prefixEnd)`, before each. */
  #next = 0;
  #until = 0;
  #prefix = 0;
  #prefixEnd = 0;
  #isPrefixed = false;
  readonly #prefixes: Int32Array;

  /** `prefixes`: of each input's lines, or none at all. */
  constructor(slots: MergeSlots, size: number, prefixes: readonly Uint8Array[]) {
    this.#slots = slots;
    this.#size = size;
    this.#prefixes = new Int32Array(prefixes.length + 1);
    let at = 2 * size + HEADER;
    for (const [i, prefix] of prefixes.entries()) {
      this.#prefixes[i] = at;
      slots.bytes.set(prefix, at);
      at += prefix.length;
    }
    this.#prefixes[prefixes.length] = at;
  }

  /** The bytes so far, where they lie until the call after the next. The output is empty afterwards. */
  take(): Uint8Array {
    const bytes = this.#slots.bytes.subarray(this.#output, this.#output + this.#filled);
    this.#output = this.#size - this.#output;
    this.#filled = 0;
    return bytes;
  }

  /** Puts `[from, to)` into the output, as it is; what was put in before has been drained. */
  copy(from: number, to: number): void {
    this.#from = from;
    this.#to = to;
  }

  /** Puts the header of a record into the output, whose lines follow. */
  header(keyLine: number, length: number): void {
    const at = 2 * this.#size;
    writeHeader(this.#slots.view, at, keyLine, length);
    this.copy(at, at + HEADER);
  }

  /** Puts the input's lines in `[from, to)` into the output, each with its prefix. */
  lines(input: number, from: number, to: number): void {
    this.#next = from;
    this.#until = to;
    if (this.#prefixes.length === 1) return;
    this.#prefix = this.#prefixes[input] as number;
    this.#prefixEnd = this.#prefixes[input + 1] as number;
  }

  prefixLength(input: number): number {
    return this.#prefixes.length === 1
      ? 0
      : (this.#prefixes[input + 1] as number) - (this.#prefixes[input] as number);
  }

  /** Copies what was put in; false while it does not fit. */
  drain(): boolean {
    for (;;) {
      const from = this.#from;
      const length = Math.min(this.#to - from, this.#size - this.#filled);
      this.#slots.bytes.copyWithin(this.#output + this.#filled, from, from + length);
      this.#filled += length;
      this.#from = from + length;
      if (this.#from < this.#to) return false;
      if (this.#next === this.#until) return true;
      this.#advance();
    }
  }

  #advance(): void {
    if (this.#prefix === this.#prefixEnd) {
      this.copy(this.#next, this.#until);
      this.#next = this.#until;
    } else if (this.#isPrefixed) {
      const end = this.#slots.bytes.indexOf(NEWLINE, this.#next) + 1;
      this.copy(this.#next, end);
      this.#next = end;
      this.#isPrefixed = false;
    } else {
      this.copy(this.#prefix, this.#prefixEnd);
      this.#isPrefixed = true;
    }
  }
}
