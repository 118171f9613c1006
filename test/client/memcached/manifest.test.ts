// Manifests come back as they were written, and any damage to one is noticed.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Corrupt } from "../../../src/client/memcached/errors.ts";
import {
  decodeManifest,
  decodeTable,
  encodeManifest,
  encodeTable,
  type Manifest,
  manifestBytesMax,
} from "../../../src/client/memcached/manifest.ts";

const file = (name: string, checksums: number[], salts: string[] | null = null): Manifest => ({
  name,
  size: checksums.length * 1_000,
  sha256: "ab".repeat(32),
  version: "0123456789abcdef".repeat(2),
  encoding: null,
  storedSize: checksums.length * 1_000,
  chunkSize: 1_000,
  chunks: checksums.length,
  parity: 0,
  group: 0,
  storedAt: 1_700_000_000_000,
  expiresAt: null,
  checksums,
  salts,
  parts: 0,
});
const names = fc.string({ unit: "grapheme", minLength: 1 });
const sums = fc.array(fc.nat(0xffffffff));
const whole = (bytes: Uint8Array, name: string) => {
  const { file: head, table } = decodeManifest(bytes, name);
  return { ...head, ...table, parts: 0 };
};

describe("a manifest", () => {
  test("comes back as it was, and is not larger than foreseen", () => {
    fc.assert(
      fc.property(names, sums, fc.boolean(), (name, checksums, placed) => {
        const salts = placed && checksums.length > 0 ? checksums.map((sum) => (sum % 99).toString(36)) : null;
        const manifest = file(name, checksums, salts);
        const bytes = encodeManifest(manifest);
        expect(whole(bytes, name)).toEqual(manifest);
        const foreseen = manifestBytesMax(name, checksums.length, salts?.join().length ?? 0);
        expect(bytes.length).toBeLessThanOrEqual(foreseen);
      }),
    );
  });

  test("may have its table in parts, which come back as they were", () => {
    const manifest = { ...file("a", [1, 2, 3], ["", "x", "2"]), parts: 2 };
    expect(decodeManifest(encodeManifest(manifest), "a").table).toEqual({ parts: 2 });
    const table = encodeTable(manifest);
    expect(decodeTable(table, manifest)).toEqual({ checksums: [1, 2, 3], salts: ["", "x", "2"] });
    expect(() => decodeTable(table.subarray(1), manifest)).toThrow(Corrupt);
    expect(() => decodeTable(encodeTable(file("a", [1])), manifest)).toThrow(Corrupt);
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
    for (const lie of [
      { size: 2_001 },
      { chunks: 1 },
      { chunkSize: 0 },
      { version: "../x" },
      { size: -1 },
      { parity: 1 },
      { storedSize: 1_999 },
      { encoding: "gzip" as "zstd" },
    ]) {
      expect(() => decodeManifest(encodeManifest({ ...file("a", [1, 2]), ...lie }), "a")).toThrow(Corrupt);
    }
  });

  test("is not mistaken for a foreign value", () => {
    for (const text of ["", "x", "{}", '{"cairn":1}\n00000000', "null\nd202ef8d", "00000000"]) {
      expect(() => decodeManifest(Buffer.from(text), "a")).toThrow(Corrupt);
    }
  });
});
