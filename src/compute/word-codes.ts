// Offset-value codes of keys by words of four bytes: where and how a key first differs from one that goes before it.
//
// As in offset-value.ts, but four bytes decide at one time: of keys that are time stamps to the second, nine in ten pairs that
// share their first different byte are told apart. Codes are whole numbers below 2^53.

/** Words at and beyond this one share code 0: then the bytes decide, from there on. */
const CAP = 1 << 17;
/** Greater than any symbol. */
const SYMBOLS = 2 ** 35;

/**
 * The word of the key, from 0 on, as a number that keeps the order of keys: its bytes, then how many of them belong to the
 * key, since the end goes before a zero. Below 2^35. Reads up to 3 bytes beyond the key.
 */
export function symbolAt(view: DataView, key: number, length: number, word: number): number {
  const position = 4 * word;
  const left = length - position;
  if (left >= 4) return view.getUint32(key + position) * 8 + 4;
  if (left <= 0) return 0;
  return ((view.getUint32(key + position) & (-1 << (32 - 8 * left))) >>> 0) * 8 + left;
}

/** The symbol for the backward order. */
export function turned(symbol: number): number {
  return SYMBOLS - 1 - symbol;
}

/** The code of a key that has `symbol` at `word`, the first where it differs from its base. */
export function codeAt(word: number, symbol: number): number {
  return word >= CAP ? 0 : (CAP - word) * SYMBOLS + symbol;
}

/** From which byte on keys with this code may differ. */
export function firstOpenByte(code: number): number {
  return code === 0 ? 4 * CAP : 4 * (CAP - Math.floor(code / SYMBOLS) + 1);
}
