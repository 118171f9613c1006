// Encodings by the look of a text's beginning.

import { expect, test } from "bun:test";
import { encodingOf, type TextEncoding } from "../../src/compute/text-encoding.ts";

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
