// A loser tree over the heads of inputs whose codes are numbers: the smallest is found in one comparison for each level.

import { at } from "./merge-slots.ts";

/** The code of an input that has ended: greater than any other. */
export const ENDED = Number.POSITIVE_INFINITY;

/** What is played for. */
export interface Contest {
  /** By input: smaller codes win. */
  readonly codes: Float64Array;
  /** Where codes are equal: true when the head of `a` goes before that of `b`. It may give the loser a greater code. */
  beats(a: number, b: number): boolean;
}

export class LoserTree {
  readonly #count: number;
  readonly #contest: Contest;
  readonly #codes: Float64Array;
  /** Losers by node; -1 while nobody has come there. The winner is at 0. */
  readonly #losers: Int32Array;

  constructor(count: number, contest: Contest) {
    this.#count = count;
    this.#contest = contest;
    this.#codes = contest.codes;
    this.#losers = new Int32Array(Math.max(1, count)).fill(-1);
  }

  /** Plays all heads against each other; the last leaf to come finds its way open to the root. Returns the winner. */
  plant(): number {
    for (let input = this.#count - 1; input >= 0; input -= 1) {
      let player = input;
      let node = (input + this.#count) >> 1;
      for (; node > 0; node >>= 1) {
        const other = at(this.#losers, node);
        if (other < 0) break;
        if (this.#beats(other, player)) {
          this.#losers[node] = player;
          player = other;
        }
      }
      this.#losers[node] = player;
    }
    return at(this.#losers, 0);
  }

  /** Lets the new head of the input that won last climb from its leaf to the root; returns the winner. */
  replay(input: number): number {
    const losers = this.#losers;
    const codes = this.#codes;
    let player = input;
    let code = codes[player] as number;
    for (let node = (input + this.#count) >> 1; node > 0; node >>= 1) {
      const other = at(losers, node);
      const otherCode = codes[other] as number;
      if (otherCode > code) continue;
      if (otherCode === code && !this.#beats(other, player)) continue;
      losers[node] = player;
      player = other;
      code = otherCode;
    }
    return player;
  }

  /** The smallest code among the losers on the winner's path: a next head with a smaller one wins at once. */
  rival(winner: number): number {
    const losers = this.#losers;
    let least = ENDED;
    for (let node = (winner + this.#count) >> 1; node > 0; node >>= 1) {
      least = Math.min(least, this.#codes[at(losers, node)] as number);
    }
    return least;
  }

  #beats(a: number, b: number): boolean {
    const code = this.#codes[a] as number;
    const other = this.#codes[b] as number;
    if (code !== other) return code < other;
    return code === ENDED ? a < b : this.#contest.beats(a, b);
  }
}
