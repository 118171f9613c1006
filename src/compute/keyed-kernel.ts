// The hot loop of the merge by keys: a loser tree over records, the lines with keys and those that belong to them.
//
// Written for speed, as merge-kernel.ts is: all bytes lie in one arena, keys are compared there or are numbers, and
// nothing is allocated for a line. Lines that continue another have a code that beats all, so they follow it at once and
// a record may be longer than any memory.

import { ByteKeys } from "./byte-keys.ts";
import { ALL_MERGED, type Kernel, NO_KEY, OUT_OF_ORDER, OUTPUT_FULL } from "./kernel.ts";
import { BEFORE_LAST, CONTINUES, IN_ORDER, type LineKeys } from "./line-keys.ts";
import type { LineOrder } from "./line-order.ts";
import { ENDED, LoserTree } from "./loser-tree.ts";
import { type ArenaSizes, at, MergeSlots } from "./merge-slots.ts";
import { CONTINUING, endOfRecord, HEADER, KEYLESS, keyLineOf } from "./record-frames.ts";
import { outputSize, RecordOutput } from "./record-output.ts";
import { TimeKeys } from "./time-keys.ts";

export interface KeyedSizes extends ArenaSizes {
  readonly order: LineOrder;
  /** The output is a run of records, to be merged again. */
  readonly intoRun: boolean;
  /** What stands before each line of each input; empty: nothing. */
  readonly prefixes: readonly Uint8Array[];
}

const NEWLINE = 10;
/** The code of lines that continue what went out last. */
const FIRST = Number.NEGATIVE_INFINITY;
/** Beside what the keys find: no line with a key is there yet. */
const UNKNOWN = -1;

export class KeyedKernel implements Kernel {
  winner = 0;
  readonly #slots: MergeSlots;
  readonly #keys: LineKeys;
  readonly #codes: Float64Array;
  readonly #tree: LoserTree;
  readonly #output: RecordOutput;
  readonly #intoRun: boolean;
  readonly #unique: boolean;
  /** Records go out one by one, since some are dropped, or something is put before them or left out. */
  readonly #singly: boolean;
  /** By input: where the head ends, how many lines it has, and whether none has a key. */
  readonly #ends: Int32Array;
  readonly #headLines: Int32Array;
  readonly #keyless: Uint8Array;
  /** By input: lines that are merged. */
  readonly #lines: Float64Array;
  /** Inputs below this one have no head yet. */
  #toLoad: number;
  #isPlanted = false;
  /** The winner's next head is known, and has to take its place in the tree. */
  #isLoaded = false;
  /** The record that was passed last was dropped, and so is what continues it. */
  #isDropping = false;

  constructor({ order, intoRun, prefixes, ...sizes }: KeyedSizes) {
    const count = sizes.slots.length;
    this.#slots = new MergeSlots({ ...sizes, output: outputSize(sizes.output, prefixes) });
    this.#keys = order.key?.time
      ? new TimeKeys(order, this.#slots, count)
      : new ByteKeys(order, this.#slots, count);
    this.#codes = this.#keys.codes;
    this.#tree = new LoserTree(count, this.#keys);
    this.#output = new RecordOutput(this.#slots, sizes.output, prefixes);
    this.#intoRun = intoRun;
    this.#unique = order.unique === true;
    this.#singly = this.#unique || intoRun || prefixes.length > 0 || this.#slots.framed.includes(1);
    this.#ends = new Int32Array(count);
    this.#headLines = new Int32Array(count).fill(1);
    this.#keyless = new Uint8Array(count);
    this.#lines = new Float64Array(count);
    this.#toLoad = count;
  }

  get slots(): MergeSlots {
    return this.#slots;
  }

  lines(input: number): number {
    return this.#lines[input] ?? 0;
  }

  takeOutput(): Uint8Array {
    return this.#output.take();
  }

  run(): number {
    if (!this.#output.drain()) return OUTPUT_FULL;
    for (; this.#toLoad > 0; this.#toLoad -= 1) {
      const asked = this.#load(this.#toLoad - 1);
      if (asked !== ALL_MERGED) return asked;
    }
    let last = -1;
    for (;;) {
      if (this.#isPlanted) {
        last = this.winner;
        const asked = this.#isLoaded ? ALL_MERGED : this.#load(last);
        if (asked !== ALL_MERGED) return asked;
        this.winner = this.#tree.replay(last);
      } else {
        this.winner = this.#tree.plant();
        this.#isPlanted = true;
      }
      const winner = this.winner;
      if (this.#codes[winner] === ENDED) return ALL_MERGED;
      this.#emit(winner, winner === last ? this.#tree.rival(winner) : FIRST);
      if (!this.#output.drain()) return OUTPUT_FULL;
    }
  }

  /** Reads the input's head; returns what `run` is to return, or ALL_MERGED when it may go on. */
  #load(input: number): number {
    if (at(this.#slots.head, input) >= at(this.#slots.limit, input)) {
      if (this.#slots.finished[input] !== 1) return input;
      this.#codes[input] = ENDED;
      return ALL_MERGED;
    }
    const found = this.#read(input);
    if (found === IN_ORDER) return ALL_MERGED;
    if (found === UNKNOWN) {
      this.#slots.starve(input);
      return input;
    }
    this.winner = input;
    return found === BEFORE_LAST ? OUT_OF_ORDER : NO_KEY;
  }

  /** Puts the winner's head, and those behind it whose codes are below `rival`, into the output. */
  #emit(winner: number, rival: number): void {
    const start = at(this.#slots.head, winner);
    const limit = at(this.#slots.limit, winner);
    if (this.#singly) this.#write(winner);
    let end = start;
    do {
      end = this.#pass(winner);
      this.#isLoaded = end < limit && this.#read(winner) === IN_ORDER;
    } while (this.#isLoaded && (this.#codes[winner] as number) < rival && !this.#singly);
    if (!this.#singly) this.#output.copy(start, end);
  }

  /** The head becomes the line before; returns where the next head begins. */
  #pass(input: number): number {
    const slots = this.#slots;
    const end = at(this.#ends, input);
    const lines = at(this.#headLines, input);
    if (this.#codes[input] !== FIRST) {
      slots.previous[input] = lines === 1 ? at(slots.head, input) : this.#keyLine(input);
      slots.previousEnd[input] = end - 1;
      this.#keys.pass(input);
    }
    slots.head[input] = end;
    this.#lines[input] = (this.#lines[input] as number) + lines;
    return end;
  }

  /** Finds the end of the input's head, its key and its code. */
  #read(input: number): number {
    const slots = this.#slots;
    if (slots.framed[input] === 1) return this.#readFrame(input);
    const head = at(slots.head, input);
    const newline = slots.bytes.indexOf(NEWLINE, head);
    const found = this.#keys.read(input, head, newline);
    if (found === CONTINUES && this.#lines[input] === 0) return this.#readFirst(input, newline + 1);
    this.#ends[input] = newline + 1;
    this.#headLines[input] = 1;
    if (found !== CONTINUES) return found;
    this.#codes[input] = FIRST;
    return IN_ORDER;
  }

  /** Lines that continue nothing, at an input's beginning, go with its first record; the first such line ends at `from`. */
  #readFirst(input: number, from: number): number {
    const slots = this.#slots;
    const limit = at(slots.limit, input);
    let lines = 1;
    let found = CONTINUES;
    let end = from;
    while (found === CONTINUES && end < limit) {
      const newline = slots.bytes.indexOf(NEWLINE, end);
      found = this.#keys.read(input, end, newline);
      lines += 1;
      end = newline + 1;
    }
    this.#ends[input] = end;
    this.#headLines[input] = lines;
    if (found !== CONTINUES) return found;
    if (slots.finished[input] !== 1) return UNKNOWN;
    this.#keyless[input] = 1;
    this.#keys.readNone(input);
    return IN_ORDER;
  }

  #readFrame(input: number): number {
    const { bytes, view, head: heads } = this.#slots;
    const head = at(heads, input);
    const keyLine = keyLineOf(view, head);
    this.#ends[input] = endOfRecord(view, head);
    if (keyLine === CONTINUING) this.#codes[input] = FIRST;
    else if (keyLine === KEYLESS) this.#keys.readNone(input);
    else {
      const from = head + HEADER + keyLine;
      return this.#keys.read(input, from, bytes.indexOf(NEWLINE, from));
    }
    return IN_ORDER;
  }

  /** Puts the input's head into the output, with what belongs before it; or drops it. */
  #write(input: number): void {
    const continues = this.#codes[input] === FIRST;
    if (!continues) this.#isDropping = this.#unique && this.#keys.repeats(input);
    if (this.#isDropping) return;
    const from = at(this.#slots.head, input);
    const to = at(this.#ends, input);
    if (this.#slots.framed[input] === 1) {
      this.#output.copy(this.#intoRun ? from : from + HEADER, to);
      return;
    }
    if (this.#intoRun) this.#writeHeader(input, from, to, continues);
    this.#output.lines(input, from, to);
  }

  #writeHeader(input: number, from: number, to: number, continues: boolean): void {
    const length = to - from + at(this.#headLines, input) * this.#output.prefixLength(input);
    const begins = this.#keyless[input] === 1 ? KEYLESS : length - (to - this.#keyLine(input));
    this.#output.header(continues ? CONTINUING : begins, length);
  }

  /** Where the line with the key begins in the input's head: it is the last one. */
  #keyLine(input: number): number {
    if (at(this.#headLines, input) === 1) return at(this.#slots.head, input);
    return this.#slots.bytes.lastIndexOf(NEWLINE, at(this.#ends, input) - 2) + 1;
  }
}
