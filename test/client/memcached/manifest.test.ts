// Manifests come back as they were written, and any damage to one is noticed.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Corrupt } from "../../../src/client/memcached/errors.ts";
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  manifestBytesMax,
} from "../../../src/client/memcached/manifest.ts";

const file = (name: string, checksums: number[]): Manifest => ({
  name,
  size: checksums.length * 1_000,
  sha256: "ab".repeat(32),
  version: "0123456789abcdef".repeat(2),
  chunkSize: 1_000,
  chunks: checksums.length,
  storedAt: 1_700_000_000_000,
  expiresAt: null,
  checksums,
});
const names = fc.string({ unit: "grapheme", minLength: 1 });
const sums = fc.array(fc.nat(0xffffffff));

describe("a manifest", () => {
  test("comes back as it was, and is not larger than foreseen", () => {
    fc.assert(
      fc.property(names, sums, (name, checksums) => {
        const bytes = encodeManifest(file(name, checksums));
        expect(decodeManifest(bytes, name)).toEqual(file(name, checksums));
        expect(bytes.length).toBeLessThanOrEqual(manifestBytesMax(name, checksums.length));
      }),
    );
  });

  test("with any byte changed or cut off is corrupt", () => {
    const bytes = encodeManifest(file("a", [1, 2, 3]));
    for (const index of bytes.keys()) {
      const changed = bytes.slice();
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(() => decodeManifest(changed, "a")).toThrow(Corrupt);
      expect(() => decodeManifest(bytes.subarray(0, index), "a")).toThrow(Corrupt);
    }
  });

  test("of another name, or that contradicts itself, is corrupt", () => {
    expect(() => decodeManifest(encodeManifest(file("a", [])), "b")).toThrow('is that of "a"');
    for (const lie of [{ size: 2_001 }, { chunks: 1 }, { chunkSize: 0 }, { version: "../x" }, { size: -1 }]) {
      expect(() => decodeManifest(encodeManifest({ ...file("a", [1, 2]), ...lie }), "a")).toThrow(Corrupt);
    }
  });

  test("is not mistaken for a foreign value", () => {
    for (const text of ["", "x", "{}", '{"cairn":1}\n00000000', "null\nd202ef8d"]) {
      expect(() => decodeManifest(Buffer.from(text), "a")).toThrow(Corrupt);
    }
  });
});
