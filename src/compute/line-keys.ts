// What the merge by keys asks of the keys of its inputs' lines: in byte-keys.ts or time-keys.ts.

/** What `read` finds. */
export const IN_ORDER = 0;
/** The line belongs to the one before it. */
export const CONTINUES = 1;
/** The line has no key, and must have one. */
export const WITHOUT_KEY = 2;
/** The key goes before the one of the input's line before. */
export const BEFORE_LAST = 3;

/**
 * The key of each input's head, and of its line before. A key is never copied: it lies where `slots` has its line, or is a
 * number.
 */
export interface LineKeys {
  /** By input: heads with smaller codes go first; where codes are equal, `beats` decides. */
  readonly codes: Float64Array;
  /** Reads the key of the input's head from its line `[from, to)`, without the newline, and sets its code. */
  read(input: number, from: number, to: number): number;
  /** The input's head has no line with a key: it goes before all that have one. */
  readNone(input: number): void;
  /** The input's head, which goes out, becomes its line before. `slots.previous` is set already. */
  pass(input: number): void;
  /** Whether the key of the input's head is that of the line that was passed last, of whatever input. */
  repeats(input: number): boolean;
  /** True when the head of `a` goes before that of `b`, which has the same code; the earlier input's, if keys are equal. */
  beats(a: number, b: number): boolean;
}
