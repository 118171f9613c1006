// What is a number in a CSV, as DuckDB's DECIMAL(38, 9) has it.

import { NARROW_PLACES } from "./literals.ts";

const PLACES = 9n;
const WIDE = 10n ** 38n;
const NARROW = 10n ** BigInt(NARROW_PLACES);

const PLAIN = /^-?\d{1,9}(?:\.\d{0,8})?$/;
const NUMBER = /^[ \t\n\v\f\r]*[+-]?(\d+(?:_\d+)*)?(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?[ \t\n\v\f\r]*$/;

/** `narrow` fits into a DECIMAL(18, 9), `wide` only into a DECIMAL(38, 9); undefined is no number, or 10^29 and above. */
export function numberSize(text: string): "narrow" | "wide" | undefined {
  if (PLAIN.test(text)) return "narrow";
  const match = NUMBER.exec(text);
  if (!match) return undefined;
  const [, whole = "", fraction = "", exponent = "0"] = match;
  if (whole === "" && fraction === "") return undefined;
  const digits = BigInt(whole.replaceAll("_", "") + fraction);
  const shift = BigInt(exponent) - BigInt(fraction.length) + PLACES;
  const billionths = shift >= 0n ? digits * 10n ** shift : rounded(digits, 10n ** -shift);
  if (billionths >= WIDE) return undefined;
  return billionths < NARROW ? "narrow" : "wide";
}

function rounded(value: bigint, divisor: bigint): bigint {
  return (value + divisor / 2n) / divisor;
}
