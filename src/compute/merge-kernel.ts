// The hot loop of the merge: a loser tree with offset-value codes over lines that lie in one arena.
//
// Written for speed. All inputs' bytes and the output share one buffer (merge-slots.ts), so a line is two integers,
// is compared four bytes at a time where it lies, and is copied by one `copyWithin`; nothing is allocated per line.
// An input that stays the smallest runs without touching the tree: its next line only has to beat the smallest code
// on its path (`#rival`), and the whole run is copied at once. Against GNU `sort -m` it took 0.51 (disjoint), 0.57
// (interleaved) and 0.54 (words) of the time on one thread (docs/benchmarks.md).

import { ALL_MERGED, type Kernel, OUT_OF_ORDER, OUTPUT_FULL } from "./kernel.ts";
import { type ArenaSizes, at, MergeSlots } from "./merge-slots.ts";
import { codeAt, commonPrefix, ENDED, firstDifference, firstOpenOffset } from "./offset-value.ts";

const NEWLINE = 10;

export class MergeKernel implements Kernel {
  readonly #slots: MergeSlots;
  readonly #count: number;
  readonly #outputSize: number;
  /** Where the output that is being filled begins; there are two, so that one can be written meanwhile. */
  #output = 0;
  #filled = 0;
  /** A run that did not fit into the output yet: `[from, to)`. */
  #pendingFrom = 0;
  #pendingTo = 0;
  #started = false;
  /** The code of the winner is known, and it has to take its place in the tree. */
  #loaded = false;
  winner = 0;

  readonly #code: Int32Array;
  /** Losers by node; -1 while nobody has come there. */
  readonly #tree: Int32Array;
  readonly #lines: Float64Array;

  constructor(sizes: ArenaSizes) {
    const count = sizes.slots.length;
    this.#count = count;
    this.#outputSize = sizes.output;
    this.#slots = new MergeSlots({ ...sizes, output: 2 * sizes.output });
    this.#code = new Int32Array(count);
    this.#tree = new Int32Array(Math.max(1, count)).fill(-1);
    this.#lines = new Float64Array(count);
  }

  get slots(): MergeSlots {
    return this.#slots;
  }

  lines(input: number): number {
    return this.#lines[input] ?? 0;
  }

  takeOutput(): Uint8Array {
    const bytes = this.#slots.bytes.subarray(this.#output, this.#output + this.#filled);
    this.#output = this.#outputSize - this.#output;
    this.#filled = 0;
    return bytes;
  }

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
    const head = at(this.#slots.head, input);
    if (head >= at(this.#slots.limit, input)) {
      if (this.#slots.finished[input] !== 1) return input;
      this.#code[input] = ENDED;
    } else {
      const previous = at(this.#slots.previous, input);
      const code = codeAfter(this.#slots.view, previous, at(this.#slots.previousEnd, input) - previous, head);
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
    const x = at(this.#slots.head, a);
    const y = at(this.#slots.head, b);
    const offset = firstDifference(this.#slots.view, x, y, from);
    if (offset < 0) {
      this.#code[Math.max(a, b)] = codeAt(-1 - offset, 0);
      return a < b;
    }
    const symbolA = symbolOf(this.#slots.view.getUint8(x + offset));
    const symbolB = symbolOf(this.#slots.view.getUint8(y + offset));
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
    const arena = this.#slots.bytes;
    const view = this.#slots.view;
    const limit = at(this.#slots.limit, winner);
    const start = at(this.#slots.head, winner);
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
    this.#slots.previous[winner] = previous;
    this.#slots.previousEnd[winner] = end;
    this.#slots.head[winner] = end + 1;
    this.#loaded = end + 1 < limit && code >= 0;
    if (this.#loaded) this.#code[winner] = code;
    this.#pendingFrom = start;
    this.#pendingTo = end + 1;
  }

  /** Copies the pending run into the output; false when it does not fit. */
  #drain(): boolean {
    const from = this.#pendingFrom;
    const length = Math.min(this.#pendingTo - from, this.#outputSize - this.#filled);
    this.#slots.bytes.copyWithin(this.#output + this.#filled, from, from + length);
    this.#filled += length;
    this.#pendingFrom = from + length;
    return this.#pendingFrom === this.#pendingTo;
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
