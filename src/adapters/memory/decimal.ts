// Numbers of the reference aggregation: BigInts of billionths, exact.

const PLACES = 9n;
export const UNIT = 10n ** PLACES;
const LIMIT = 10n ** 38n;

/** In billionths, rounded half away from zero; undefined for what is no number, or 10^29 and above. */
export function parseDecimal(text: string): bigint | undefined {
  const match = /^\s*([+-]?)(\d+(?:_\d+)*)?(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?\s*$/.exec(text);
  if (!match) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  if (whole === "" && fraction === "") return undefined;
  const digits = BigInt(whole.replaceAll("_", "") + fraction);
  const shift = BigInt(exponent) - BigInt(fraction.length) + PLACES;
  const value = shift >= 0n ? digits * 10n ** shift : divideRounded(digits, 10n ** -shift);
  if (value >= LIMIT) return undefined;
  return sign === "-" ? -value : value;
}

function divideRounded(value: bigint, divisor: bigint): bigint {
  return (value + divisor / 2n) / divisor;
}

export function printDecimal(value: bigint): string {
  const digits = (value < 0n ? -value : value).toString().padStart(Number(PLACES) + 1, "0");
  const fraction = digits.slice(-Number(PLACES)).replace(/0+$/, "");
  return `${value < 0n ? "-" : ""}${digits.slice(0, -Number(PLACES))}${fraction && `.${fraction}`}`;
}
