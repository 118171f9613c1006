// Encodings by the look of a text's beginning.

import { describe, expect, test } from "bun:test";
import { isUtf8 } from "node:buffer";
import { asUtf8, encodingOf, type TextEncoding } from "../../src/compute/text-encoding.ts";

const latin = (text: string) => Buffer.from(text, "latin1");
const cases: [string, Buffer, TextEncoding][] = [
  ["nothing", Buffer.alloc(0), "utf-8"],
  ["ASCII", Buffer.from("a,b\n1,2\n"), "utf-8"],
  ["UTF-8", Buffer.from("é,b\n1,2\n"), "utf-8"],
  ["UTF-8 that is cut within a character", Buffer.from("a,b\n1,é").subarray(0, -1), "utf-8"],
  ["one accented letter", latin("Beyoncé,b\n1,2\n"), "latin-1"],
  ["one at the beginning of a word", latin("Élan,b\n1,2\n"), "latin-1"],
  ["two of them", latin("a,São Paulo\n1,Zürich\n"), "latin-1"],
  ["many foreign bytes", latin("5 £,6 £,7 £\n"), "latin-1"],
  ["one byte that is no letter: damage", Buffer.from([0x61, 0x2c, 0xff, 0x2c, 0x31, 0x0a]), "utf-8"],
  ["damage in UTF-8", Buffer.concat([Buffer.from("é,"), Buffer.from([0xe9])]), "utf-8"],
  ["UTF-16 without a mark", Buffer.from("a,b\n1,2\n", "utf16le"), "utf-16le"],
  ["zeros in ASCII", Buffer.from("a\0b,c\n"), "utf-8"],
];

test.each(cases)("%s", (_, sample, expected) => {
  expect(encodingOf(sample)).toBe(expected);
});

describe("UTF-16 as UTF-8", () => {
  const TEXT = "\uFEFFä\u{1F600},\uFEFFb\u{10FFFF}\n";
  const bytesOf = (text: string, encoding: TextEncoding) => {
    const bytes = Buffer.from(text, "utf16le");
    return encoding === "utf-16le" ? bytes : bytes.swap16();
  };

  test.each(["utf-16le", "utf-16be"] as const)("%s, cut anywhere", async (encoding) => {
    const bytes = bytesOf(TEXT, encoding);
    for (let length = 1; length <= bytes.length; length++) {
      expect((await utf8Of(bytes, encoding, length)).toString()).toBe(TEXT.slice(1));
    }
  });

  test.each(["utf-16le", "utf-16be"] as const)(
    "%s: halves of characters do not become text",
    async (encoding) => {
      const damaged = Buffer.concat([bytesOf("a\uD83Db\uDE00c\uD83D", encoding), Buffer.of(0x41)]);
      for (let length = 1; length <= damaged.length; length++) {
        const utf8 = await utf8Of(damaged, encoding, length);
        expect(utf8.toString("latin1")).toBe("a\xFFb\xFFc\xFF");
        expect(isUtf8(utf8)).toBe(false);
      }
    },
  );
});

/** In pieces of `length` bytes. */
async function utf8Of(bytes: Buffer, encoding: TextEncoding, length: number): Promise<Buffer> {
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += length) yield Buffer.from(bytes.subarray(at, at + length));
  }
  return Buffer.concat(await Array.fromAsync(asUtf8(pieces(), encoding)));
}
