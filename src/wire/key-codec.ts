// Keys in URLs and JSON: their bytes, percent-encoded where they are not unreserved ASCII (RFC 3986 §2.3).

import { Fault } from "./faults.ts";

const RESERVED = /[^A-Za-z0-9._~-]/g;
const ESCAPE = /%(?:([0-9A-Fa-f]{2})|)/g;

/** `key`: one character (U+0000 to U+00FF) per byte. */
export function encodeKey(key: string): string {
  return key.replace(
    RESERVED,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

/**
 * The bytes of `encoded`, one character each. Characters beyond ASCII stand for their UTF-8 bytes, a `+` for
 * itself. Fault `invalid` for a `%` without two hexadecimal digits.
 */
export function decodeKey(encoded: string): string {
  return toBytes(encoded).replace(ESCAPE, (_, hex: string | undefined) => {
    if (hex === undefined) {
      throw new Fault(
        "invalid",
        `the key ${JSON.stringify(encoded)} has a % without two hexadecimal digits`,
        {
          hint: "Write the percent sign itself as %25.",
        },
      );
    }
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
}

function toBytes(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}
