// Both ways to compute a CRC-32 agree, and with the published check value.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { crc32, tableCrc32 } from "../../../src/client/memcached/crc32.ts";

test("the check value of CRC-32", () => {
  expect(tableCrc32(Buffer.from("123456789"))).toBe(0xcbf43926);
  expect(crc32(Buffer.from("123456789"))).toBe(0xcbf43926);
});

test("the table agrees with the runtime", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => tableCrc32(bytes) === crc32(bytes)));
});
