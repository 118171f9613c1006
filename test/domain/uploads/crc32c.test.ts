// CRC-32C against published values, in pieces of every length.

import { expect, test } from "bun:test";
import { crc32c } from "../../../src/domain/uploads/crc32c.ts";

test("gives the check value, and RFC 3720's (§B.4)", () => {
  expect(crc32c(Buffer.from("123456789")).toString(16)).toBe("e3069283");
  expect(crc32c(new Uint8Array(32)).toString(16)).toBe("8a9136aa");
  expect(crc32c(new Uint8Array(32).fill(0xff)).toString(16)).toBe("62a8ab43");
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)).toString(16)).toBe("46dd794e");
  expect(crc32c(new Uint8Array())).toBe(0);
});

test("continues over any cut", () => {
  const bytes = crypto.getRandomValues(new Uint8Array(41));
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(crc32c(bytes));
  }
});
