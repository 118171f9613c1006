// What drives a merge sees of its loop, whatever orders the lines: merge-kernel.ts or keyed-kernel.ts.

import type { MergeSlots } from "./merge-slots.ts";

/** What `run` asks for: a number >= 0 is an input that needs bytes (`slots.append` or `slots.finish`), then again. */
export const OUTPUT_FULL = -1;
export const ALL_MERGED = -2;
/** The head of the input `winner` is smaller than the line before it. */
export const OUT_OF_ORDER = -3;
/** The head of the input `winner` has no key, and must have one. */
export const NO_KEY = -4;

export interface Kernel {
  /** Where the inputs' bytes go: every input must be `ready` there before `run`. */
  readonly slots: MergeSlots;
  /** The input whose line went into the output last, or is at fault. */
  readonly winner: number;
  /** Lines of this input that were merged so far. */
  lines(input: number): number;
  /** Merges until it needs something: see the constants above. */
  run(): number;
  /** The merged bytes so far, where they lie until the call after the next. The output is empty afterwards. */
  takeOutput(): Uint8Array;
}
