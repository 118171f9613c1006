// Decimal numbers in a command line, read as C's strtol and strtoull read them, straight from the bytes.

const MAX_U64 = 2n ** 64n - 1n;
const MAX_I64 = 2n ** 63n - 1n;
/** Of the bytes in which a stored number has to end. */
const LONGEST_NUMBER = 1_024;

/**
 * The integer in bytes `start` to `end`, or NaN. Beyond 2^53 it is rounded, beyond 64 bits NaN.
 *
 * As with strtol, white space other than a space may stand before, a sign too, and anything after white space is ignored.
 */
export function readInteger(bytes: Buffer, start: number, end: number): number {
  if (end - start > 15 || end === start) return rare(bytes, start, end, -MAX_I64 - 1n);
  let number = 0;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] as number) - 48;
    if (digit < 0 || digit > 9) return rare(bytes, start, end, -MAX_I64 - 1n);
    number = number * 10 + digit;
  }
  return number;
}

/** The unsigned 64-bit integer in bytes `start` to `end`, or undefined. */
export function readUnsigned64(bytes: Buffer, start: number, end: number): bigint | undefined {
  const number = readLong(bytes.toString("latin1", start, end));
  return number === undefined || number < 0n || number > MAX_U64 ? undefined : number;
}

/** What C's `strtoull` makes of a stored value, as `incr` does: undefined if it is not an unsigned 64-bit number. */
export function readNumericValue(value: Uint8Array): bigint | undefined {
  const length = Math.min(value.length, LONGEST_NUMBER);
  const text = Buffer.from(value.buffer, value.byteOffset, length).toString("latin1");
  // What has to be cut may only go on behind the number: then there is white space.
  const number = length < value.length && /^\s*[+-]?\d*$/.test(text) ? undefined : readLong(text);
  return number === undefined || number < 0n || number > MAX_U64 ? undefined : number;
}

function rare(bytes: Buffer, start: number, end: number, least: bigint): number {
  const number = readLong(bytes.toString("latin1", start, end));
  return number === undefined || number < least || number > MAX_U64 ? Number.NaN : Number(number);
}

function readLong(text: string): bigint | undefined {
  const match = /^[ \t\n\v\f\r]*([+-]?)(\d+)(?:[ \t\n\v\f\r\0]|$)/.exec(text);
  if (!match) return undefined;
  const number = BigInt(match[2] ?? "");
  return match[1] === "-" ? -number : number;
}
