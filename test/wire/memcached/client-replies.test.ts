// The reply parser: the same result however the bytes are cut, and a clear end on what is not memcached.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isFault } from "../../../src/wire/faults.ts";
import { ReplyParser } from "../../../src/wire/memcached/client-replies.ts";

function parse(bytes: Uint8Array, cuts: readonly number[]): string[] {
  const seen: string[] = [];
  const parser = new ReplyParser({
    onLine: (line) => seen.push(line),
    onValue: ({ key, flags, cas, data }) =>
      seen.push(`${key}/${flags}/${cas}/${Buffer.from(data).toString("latin1")}`),
  });
  let at = 0;
  for (const cut of [...cuts, bytes.length].sort((a, b) => a - b)) {
    const piece = Buffer.from(bytes.subarray(at, cut));
    parser.push(piece);
    // They are the caller's again, who may read the next ones into the same memory.
    piece.fill(0);
    at = cut;
  }
  return seen;
}

const ascii = (text: string) => Buffer.from(text, "latin1");

describe("replies", () => {
  const transcript = ascii(
    "STORED\r\nVALUE a 5 4\r\nx\r\ny\r\nVALUE b 0 0 77\r\n\r\nEND\r\nSERVER_ERROR out of memory\nHD\r\nVA 1 f\r\n",
  );
  const expected = [
    "STORED",
    "a/5/undefined/x\r\ny",
    "b/0/77/",
    "END",
    "SERVER_ERROR out of memory",
    "HD",
    "VA 1 f",
  ];

  test("come out the same however they are cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(transcript.length)), (cuts) => {
        expect(parse(transcript, cuts)).toEqual(expected);
      }),
    );
    expect(parse(transcript, [...transcript.keys()])).toEqual(expected);
  });

  test("may be any lines, short or long, the same again or not", () => {
    const line = fc.constantFrom(
      "",
      "HD",
      "HE",
      "HDX",
      "EN",
      "\0",
      "\r",
      "é",
      "x".repeat(16),
      "x".repeat(17),
      "y".repeat(16),
    );
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(200)), (lines, cuts) => {
        const bytes = ascii(lines.map((text) => `${text}\r\n`).join(""));
        expect(
          parse(
            bytes,
            cuts.filter((cut) => cut <= bytes.length),
          ),
        ).toEqual(lines);
      }),
    );
  });

  test("carry any bytes in their values", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.array(fc.nat(400)), (data, cuts) => {
        const bytes = Buffer.concat([ascii(`VALUE k 1 ${data.length} 9\r\n`), data, ascii("\r\nEND\r\n")]);
        const inside = cuts.filter((cut) => cut <= bytes.length);
        expect(parse(bytes, inside)).toEqual([`k/1/9/${Buffer.from(data).toString("latin1")}`, "END"]);
      }),
    );
  });

  test.each([
    ["a value longer than announced", "VALUE k 0 2\r\nabc\r\n"],
    ["a size that no item has", "VALUE k 0 4294967296\r\n"],
    ["a size that is none", "VALUE k 0 -1\r\n"],
    ["a line without an end", "x".repeat(70_000)],
  ])("refuse %s", (_, text) => {
    const attempt = () => parse(ascii(text), []);
    expect(attempt).toThrow();
    try {
      attempt();
    } catch (error) {
      expect(isFault(error, "internal")).toBe(true);
    }
  });
});
