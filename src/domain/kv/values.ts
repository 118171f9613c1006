// What becomes of a value: joined to another, or counted up and down.

import type { JoinedValue } from "../../ports/kv.ts";
import { copyInto, viewOf } from "../../wire/memcached/bytes.ts";
import { readNumericValue } from "../../wire/memcached/numbers.ts";
import { isSpooled, type Value } from "../../wire/memcached/spooled.ts";
import { largestValue } from "./limits.ts";
import type { Moment } from "./moment.ts";

const TWO_TO_64 = 2n ** 64n;

/** undefined: it would have more bytes than an item with that key and these flags may. */
export function joined(
  parts: JoinedValue["parts"],
  key: string,
  flags: number,
  { maxItem, spoolFrom }: Moment,
): Value | JoinedValue | undefined {
  const [first, second] = parts;
  const length = first.length + second.length;
  if (length > largestValue(maxItem, key.length, flags)) return undefined;
  if (length > spoolFrom || isSpooled(first) || isSpooled(second)) return { length, parts };
  const value = new Uint8Array(length);
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
export function addTo(value: Value, direction: "incr" | "decr", delta: bigint): Sum | undefined {
  if (isSpooled(value)) return undefined;
  const old = readNumericValue(viewOf(value));
  if (old === undefined) return undefined;
  const result = direction === "incr" ? (old + delta) % TWO_TO_64 : delta > old ? 0n : old - delta;
  const digits = result.toString();
  return { digits, value: Buffer.from(digits.padEnd(value.length, " "), "latin1") };
}
