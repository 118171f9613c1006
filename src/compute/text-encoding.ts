// Text in other encodings as UTF-8.

import { isAscii } from "node:buffer";

export const TEXT_ENCODINGS = ["utf-8", "utf-16le", "utf-16be", "latin-1"] as const;
export type TextEncoding = (typeof TEXT_ENCODINGS)[number];

/** So many foreign bytes are no damage; fewer must look like letters of a word. */
const MANY_FOREIGN_BYTES = 3;

/**
 * By a byte order mark, or by how `sample`, the beginning of the text, looks: every other byte zero is UTF-16; bytes
 * above 127 of which none belongs to a valid UTF-8 sequence are Latin-1, if they are many or accented letters of words; all
 * else is UTF-8.
 */
export function encodingOf(sample: Uint8Array): TextEncoding {
  if (sample[0] === 0xff && sample[1] === 0xfe) return "utf-16le";
  if (sample[0] === 0xfe && sample[1] === 0xff) return "utf-16be";
  if (isAscii(sample) && !sample.includes(0)) return "utf-8";
  const zeros = [0, 0];
  for (const [i, byte] of sample.entries()) if (byte === 0) zeros[i % 2] = (zeros[i % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  if (odd > sample.length / 4 && even < odd / 8) return "utf-16le";
  if (even > sample.length / 4 && odd < even / 8) return "utf-16be";
  return isLatin(sample) ? "latin-1" : "utf-8";
}

/**
 * Latin-1 is read as Windows-1252, its superset. Byte order marks are dropped. What does not decode, half a surrogate pair or
 * half a unit at the end, becomes a byte that is no UTF-8 either, so that whoever reads it can tell.
 */
export async function* asUtf8(
  source: AsyncIterable<Uint8Array>,
  encoding: TextEncoding,
): AsyncGenerator<Uint8Array> {
  if (encoding === "utf-8") return yield* source;
  if (encoding !== "latin-1") return yield* utf16AsUtf8(source, encoding);
  const decoder = new TextDecoder("windows-1252");
  const encoder = new TextEncoder();
  for await (const piece of source) yield encoder.encode(decoder.decode(piece, { stream: true }));
}

async function* utf16AsUtf8(
  source: AsyncIterable<Uint8Array>,
  encoding: "utf-16le" | "utf-16be",
): AsyncGenerator<Uint8Array> {
  let [rest, high, isFirst] = [Buffer.alloc(0), "", true];
  for await (const piece of source) {
    const bytes = Buffer.concat([rest, piece]);
    const units = bytes.subarray(0, bytes.length & ~1);
    rest = Buffer.from(bytes.subarray(units.length));
    if (units.length === 0) continue;
    const text = high + (encoding === "utf-16le" ? units : units.swap16()).toString("utf16le");
    // The first half of a pair waits for the other.
    high = /[\ud800-\udbff]$/.exec(text)?.[0] ?? "";
    const whole = high === "" ? text : text.slice(0, -1);
    yield encoded(isFirst && whole.startsWith("\ufeff") ? whole.slice(1) : whole);
    isFirst = false;
  }
  if (high !== "" || rest.length > 0) yield NO_TEXT;
}

const NO_TEXT = Uint8Array.of(0xff);

function encoded(text: string): Uint8Array {
  const encoder = new TextEncoder();
  if (text.isWellFormed()) return encoder.encode(text);
  const pieces = text.split(/[\ud800-\udfff]/u).map((piece) => encoder.encode(piece));
  return Buffer.concat(pieces.flatMap((piece, i) => (i === 0 ? [piece] : [NO_TEXT, piece])));
}

function isLatin(sample: Uint8Array): boolean {
  let [foreign, letters] = [0, 0];
  for (let i = 0; i < sample.length; i++) {
    const byte = sample[i] ?? 0;
    if (byte < 0x80) continue;
    const isLead = byte >= 0xc2 && byte <= 0xf4;
    if (isLead && ((sample[i + 1] ?? 0) & 0xc0) === 0x80) return false;
    // The sample may end within a character.
    if (isLead && i === sample.length - 1) break;
    foreign++;
    if (byte >= 0xc0 && (isLetter(sample[i - 1]) || isLetter(sample[i + 1]))) letters++;
  }
  return foreign >= MANY_FOREIGN_BYTES || (foreign > 0 && letters === foreign);
}

/** Of ASCII. */
function isLetter(byte = 0): boolean {
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}
