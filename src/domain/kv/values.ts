// What becomes of a value: joined to another, or counted up and down.

import { type Bytes, copyInto, viewOf } from "../../wire/memcached/bytes.ts";
import { readNumericValue } from "../../wire/memcached/numbers.ts";

const TWO_TO_64 = 2n ** 64n;

/** undefined: it would have more than `most` bytes. */
export function joined(first: Bytes, second: Bytes, most: number): Uint8Array | undefined {
  const size = first.length + second.length;
  if (size > most) return undefined;
  const value = new Uint8Array(size);
  copyInto(value, 0, first);
  copyInto(value, first.length, second);
  return value;
}

export interface Sum {
  readonly digits: string;
  readonly value: Uint8Array;
}

/**
 * Wraps at 2^64, stops at 0; a result shorter than the stored digits is padded with spaces, as memcached does.
 * undefined: the value is not a number.
 */
export function addTo(value: Bytes, direction: "incr" | "decr", delta: bigint): Sum | undefined {
  const old = readNumericValue(viewOf(value));
  if (old === undefined) return undefined;
  const result = direction === "incr" ? (old + delta) % TWO_TO_64 : delta > old ? 0n : old - delta;
  const digits = result.toString();
  return { digits, value: Buffer.from(digits.padEnd(value.length, " "), "latin1") };
}
