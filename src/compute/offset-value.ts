// Offset-value codes: where and how a line first differs from another that is not greater, in one integer.

/**
 * Let `base <= line`. The code of `line` against `base` orders lines that share a base without looking at their
 * bytes: the one with the longer common prefix is smaller; with equal prefixes, the one with the smaller symbol
 * behind it. The symbol of a byte is the byte + 1, that of the line's end is 0.
 *
 * Offsets at and beyond CAP share code 0: then the bytes decide, from CAP on.
 */
export const CAP = 1 << 21;

/** Greater than any code: an input that has ended. */
export const ENDED = 0x7fffffff;

/** The code of a line that has `symbol` at `offset`, the first place where it differs from its base. */
export function codeAt(offset: number, symbol: number): number {
  return offset >= CAP ? 0 : ((CAP - offset) << 9) | symbol;
}

/** The first offset where bytes of lines with equal codes may differ; -1: the lines are equal to their base. */
export function firstOpenOffset(code: number): number {
  if (code === 0) return CAP;
  return (code & 511) === 0 ? -1 : CAP - (code >> 9) + 1;
}

/** How many of the `length` bytes at `a` and `b` agree before the first that differs. Reads up to 3 bytes beyond. */
export function commonPrefix(view: DataView, a: number, b: number, length: number): number {
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const difference = view.getInt32(a + i, true) ^ view.getInt32(b + i, true);
    if (difference !== 0) return i + lowestByte(difference);
  }
  while (i < length && view.getUint8(a + i) === view.getUint8(b + i)) i += 1;
  return i;
}

/**
 * The offset of the first byte in which two lines, each ended by `\n`, differ, looking from `from` on; if they
 * are equal, -1 minus their length. Reads up to 3 bytes beyond their ends.
 */
export function firstDifference(view: DataView, a: number, b: number, from: number): number {
  for (let i = from; ; i += 4) {
    const word = view.getInt32(a + i, true);
    const difference = word ^ view.getInt32(b + i, true);
    const newline = word ^ 0x0a0a0a0a;
    const zeros = (newline - 0x01010101) & ~newline & 0x80808080;
    if (difference === 0 && zeros === 0) continue;
    // The lowest marked zero is a true one; only marks above it may be false.
    const end = zeros === 0 ? 4 : lowestByte(zeros);
    const differs = difference === 0 ? 4 : lowestByte(difference);
    return differs <= end ? i + differs : -1 - (i + end);
  }
}

/** The index of the lowest byte with a bit set: the first in memory, since words are read little-endian. */
function lowestByte(word: number): number {
  return (31 - Math.clz32(word & -word)) >> 3;
}
