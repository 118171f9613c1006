// The hot loop of the merge: a loser tree with offset-value codes over lines that lie in one arena.
//
// Written for speed. All inputs' bytes and the output share one buffer, so a line is two integers, is compared four
// bytes at a time where it lies, and is copied by one `copyWithin`; nothing is allocated per line. An input that
// stays the smallest runs without touching the tree: its next line only has to beat the smallest code on its path
// (`#rival`), and the whole run is copied at once. Figures: bench/merge (see docs/benchmarks.md).

import { Fault } from "../wire/faults.ts";
import { codeAt, commonPrefix, ENDED, firstDifference, firstOpenOffset } from "./offset-value.ts";

/** What `run` asks for: a number >= 0 is an input that needs bytes (`room`, `append` or `finish`), then again. */
export const OUTPUT_FULL = -1;
export const ALL_MERGED = -2;
/** The head of the input `kernel.winner` is smaller than the line before it. */
export const OUT_OF_ORDER = -3;

/** Words are read up to 3 bytes beyond a line's end. */
const SLACK = 8;
/** Positions are 32-bit integers. */
const MOST = 0x7fffffff;
const NEWLINE = 10;

export class MergeKernel {
  readonly #count: number;
  readonly #outputSize: number;
  #arena: Uint8Array<ArrayBuffer>;
  #view: DataView;
  /** The first byte of the arena that belongs to no slot. */
  #top: number;
  #filled = 0;
  /** A run that did not fit into the output yet: `[from, to)`. */
  #pendingFrom = 0;
  #pendingTo = 0;
  #started = false;
  /** The code of the winner is known, and it has to take its place in the tree. */
  #loaded = false;
  winner = 0;

  readonly #slot: Int32Array;
  readonly #capacity: Int32Array;
  /** The line before the head, `[previous, previousEnd)`; empty before the first. */
  readonly #previous: Int32Array;
  readonly #previousEnd: Int32Array;
  readonly #head: Int32Array;
  readonly #end: Int32Array;
  /** Behind the last newline: lines that begin before it are complete. */
  readonly #limit: Int32Array;
  readonly #code: Int32Array;
  /** Losers by node; -1 while nobody has come there. */
  readonly #tree: Int32Array;
  readonly #lines: Float64Array;
  readonly #finished: Uint8Array;

  constructor(count: number, sizes: { readonly output: number; readonly slot: number }) {
    this.#count = count;
    this.#outputSize = sizes.output;
    this.#top = sizes.output + count * sizes.slot;
    this.#arena = new Uint8Array(this.#top + SLACK);
    this.#view = new DataView(this.#arena.buffer);
    const starts = Int32Array.from({ length: count }, (_, i) => sizes.output + i * sizes.slot);
    this.#slot = starts;
    this.#capacity = new Int32Array(count).fill(sizes.slot);
    this.#previous = starts.slice();
    this.#previousEnd = starts.slice();
    this.#head = starts.slice();
    this.#end = starts.slice();
    this.#limit = starts.slice();
    this.#code = new Int32Array(count);
    this.#tree = new Int32Array(Math.max(1, count)).fill(-1);
    this.#lines = new Float64Array(count);
    this.#finished = new Uint8Array(count);
  }

  /** Lines of this input that were merged so far. */
  lines(input: number): number {
    return this.#lines[input] ?? 0;
  }

  /** True when the input has a whole line ready, or has ended. */
  ready(input: number): boolean {
    return at(this.#head, input) < at(this.#limit, input) || this.#finished[input] === 1;
  }

  /** Bytes that wait for their newline. */
  unfinished(input: number): number {
    return at(this.#end, input) - at(this.#head, input);
  }

  /** The head of the input and the line before it, cut to `most` bytes. */
  around(input: number, most: number): { readonly head: Uint8Array; readonly previous: Uint8Array } {
    const head = at(this.#head, input);
    const end = this.#arena.indexOf(NEWLINE, head);
    const previous = at(this.#previous, input);
    return {
      head: this.#arena.slice(head, Math.min(end, head + most)),
      previous: this.#arena.slice(previous, Math.min(at(this.#previousEnd, input), previous + most)),
    };
  }

  /** Takes as many of `bytes` as there is room for, at least one; returns how many. */
  append(input: number, bytes: Uint8Array): number {
    this.#makeRoom(input);
    const end = at(this.#end, input);
    // One byte is kept free for the final newline that `finish` may have to supply.
    const taken = Math.min(bytes.length, at(this.#slot, input) + at(this.#capacity, input) - 1 - end);
    const part = bytes.subarray(0, taken);
    this.#arena.set(part, end);
    this.#end[input] = end + taken;
    const newline = part.lastIndexOf(NEWLINE);
    if (newline >= 0) this.#limit[input] = end + newline + 1;
    return taken;
  }

  /** The input has no more bytes. */
  finish(input: number): void {
    let end = at(this.#end, input);
    if (end > at(this.#limit, input)) {
      this.#arena[end] = NEWLINE;
      end += 1;
      this.#end[input] = end;
      this.#limit[input] = end;
    }
    this.#finished[input] = 1;
  }

  /** The merged bytes so far; the output is empty afterwards. */
  takeOutput(): Uint8Array {
    const bytes = this.#arena.slice(0, this.#filled);
    this.#filled = 0;
    return bytes;
  }

  /** Merges until it needs something: see the constants above. Every input must be `ready` at the first call. */
  run(): number {
    if (!this.#drain()) return OUTPUT_FULL;
    let last = -1;
    for (;;) {
      if (this.#started) {
        last = this.winner;
        const asked = this.#loaded ? ALL_MERGED : this.#load(last);
        if (asked !== ALL_MERGED) return asked;
        this.winner = this.#replay(last);
      } else {
        this.winner = this.#plant();
      }
      const winner = this.winner;
      if (at(this.#code, winner) === ENDED) return ALL_MERGED;
      this.#emit(winner, winner === last ? this.#rival(winner) : -1);
      if (!this.#drain()) return OUTPUT_FULL;
    }
  }

  /** Plays the first lines against each other; the last leaf to come finds its way open to the root. Returns the winner. */
  #plant(): number {
    this.#started = true;
    for (let input = this.#count - 1; input >= 0; input -= 1) {
      this.#load(input);
      let player = input;
      let node = (input + this.#count) >> 1;
      for (; node > 0; node >>= 1) {
        const other = at(this.#tree, node);
        if (other < 0) break;
        if (this.#beats(other, player)) {
          this.#tree[node] = player;
          player = other;
        }
      }
      this.#tree[node] = player;
    }
    return at(this.#tree, 0);
  }

  /** Computes the code of the input's head against the line before it, which checks their order too. */
  #load(input: number): number {
    const head = at(this.#head, input);
    if (head >= at(this.#limit, input)) {
      if (this.#finished[input] !== 1) return input;
      this.#code[input] = ENDED;
    } else {
      const previous = at(this.#previous, input);
      const code = codeAfter(this.#view, previous, at(this.#previousEnd, input) - previous, head);
      if (code < 0) return OUT_OF_ORDER;
      this.#code[input] = code;
    }
    this.#loaded = true;
    return ALL_MERGED;
  }

  /** Lets the input's new head climb from its leaf to the root; returns the winner. */
  #replay(input: number): number {
    const tree = this.#tree;
    const codes = this.#code;
    let player = input;
    let code = at(codes, player);
    for (let node = (input + this.#count) >> 1; node > 0; node >>= 1) {
      const other = at(tree, node);
      const otherCode = at(codes, other);
      if (otherCode > code) continue;
      if (otherCode === code && !this.#beats(other, player)) continue;
      tree[node] = player;
      player = other;
      code = otherCode;
    }
    return player;
  }

  /** True when the head of `a` goes before that of `b`. Where their bytes had to decide, the loser gets its new code. */
  #beats(a: number, b: number): boolean {
    const code = at(this.#code, a);
    const other = at(this.#code, b);
    if (code !== other) return code < other;
    if (code === ENDED) return a < b;
    const from = firstOpenOffset(code);
    if (from < 0) return a < b;
    const x = at(this.#head, a);
    const y = at(this.#head, b);
    const offset = firstDifference(this.#view, x, y, from);
    if (offset < 0) {
      this.#code[Math.max(a, b)] = codeAt(-1 - offset, 0);
      return a < b;
    }
    const symbolA = symbolOf(this.#view.getUint8(x + offset));
    const symbolB = symbolOf(this.#view.getUint8(y + offset));
    if (symbolA < symbolB) this.#code[b] = codeAt(offset, symbolB);
    else this.#code[a] = codeAt(offset, symbolA);
    return symbolA < symbolB;
  }

  /** The smallest code among the losers on the winner's path: a next line with a smaller one wins at once. */
  #rival(winner: number): number {
    let least = ENDED;
    for (let node = (winner + this.#count) >> 1; node > 0; node >>= 1) {
      least = Math.min(least, at(this.#code, at(this.#tree, node)));
    }
    return least;
  }

  /** Puts the winner's head, and the lines behind it whose codes are below `rival`, into the output. */
  #emit(winner: number, rival: number): void {
    const arena = this.#arena;
    const view = this.#view;
    const limit = at(this.#limit, winner);
    const start = at(this.#head, winner);
    let previous = start;
    let end = arena.indexOf(NEWLINE, start);
    let code = ENDED;
    let lines = 1;
    while (end + 1 < limit) {
      code = codeAfter(view, previous, end - previous, end + 1);
      if (code < 0 || code >= rival) break;
      previous = end + 1;
      end = arena.indexOf(NEWLINE, previous);
      lines += 1;
    }
    this.#lines[winner] = (this.#lines[winner] ?? 0) + lines;
    this.#previous[winner] = previous;
    this.#previousEnd[winner] = end;
    this.#head[winner] = end + 1;
    this.#loaded = end + 1 < limit && code >= 0;
    if (this.#loaded) this.#code[winner] = code;
    this.#pendingFrom = start;
    this.#pendingTo = end + 1;
  }

  /** Copies the pending run into the output; false when it does not fit. */
  #drain(): boolean {
    const from = this.#pendingFrom;
    const length = Math.min(this.#pendingTo - from, this.#outputSize - this.#filled);
    this.#arena.copyWithin(this.#filled, from, from + length);
    this.#filled += length;
    this.#pendingFrom = from + length;
    return this.#pendingFrom === this.#pendingTo;
  }

  /** Moves what is still needed to the slot's beginning; a slot that one long line fills is doubled. */
  #makeRoom(input: number): void {
    const kept = at(this.#previous, input);
    const length = at(this.#end, input) - kept;
    const capacity = at(this.#capacity, input);
    if (length + 2 > capacity - (capacity >> 2)) this.#grow(input, capacity * 2);
    const slot = at(this.#slot, input);
    const shift = slot - kept;
    if (shift === 0) return;
    this.#arena.copyWithin(slot, kept, kept + length);
    for (const positions of [this.#previous, this.#previousEnd, this.#head, this.#end, this.#limit]) {
      positions[input] = at(positions, input) + shift;
    }
  }

  /** Gives the input a new slot at the arena's end. Its bytes stay where they are until `#makeRoom` moves them. */
  #grow(input: number, capacity: number): void {
    const top = this.#top + capacity;
    if (top + SLACK > MOST) {
      throw new Fault("too-large", "the lines that have to be compared at one time take more than 2 GB", {
        hint: "Merge fewer inputs at one time (a lower fan-in).",
      });
    }
    if (top + SLACK > this.#arena.length) {
      const arena = new Uint8Array(
        Math.max(top, Math.min(MOST - SLACK, Math.floor(this.#top * 1.25))) + SLACK,
      );
      arena.set(this.#arena.subarray(0, this.#top));
      this.#arena = arena;
      this.#view = new DataView(arena.buffer);
    }
    this.#slot[input] = this.#top;
    this.#capacity[input] = capacity;
    this.#top = top;
  }
}

/** The code of the line at `head` against the line before it; -1 when it is smaller. */
function codeAfter(view: DataView, previous: number, length: number, head: number): number {
  const offset = commonPrefix(view, previous, head, length);
  const symbol = symbolOf(view.getUint8(head + offset));
  if (offset < length && symbol < view.getUint8(previous + offset) + 1) return -1;
  return codeAt(offset, symbol);
}

function symbolOf(byte: number): number {
  return byte === NEWLINE ? 0 : byte + 1;
}

/** An entry that is known to exist. */
function at(array: Int32Array, index: number): number {
  return array[index] as number;
}
