// Compressed data in whatever pieces it comes: all of it, or an error.

import { describe, expect, test } from "bun:test";
import { type Compression, compressionOf, decompressed } from "../../src/compute/compression.ts";
import { failureOf } from "../support/failure.ts";

const TEXT = Buffer.from("a line of text\n".repeat(100));
/** Not compressible: blocks as they are, several of them. */
const NOISE = Buffer.from(Uint32Array.from({ length: 50_000 }, (_, i) => Math.imul(i, 2654435761)).buffer);
const SKIPPABLE = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
const CODERS = { gzip: Bun.gzipSync, zstd: Bun.zstdCompressSync } as const;

async function read(coded: Uint8Array, compression: Compression, piece = 65_536): Promise<Buffer> {
  const found: Uint8Array[] = [];
  for await (const bytes of decompressed(inPieces(coded, piece), compression)) found.push(bytes);
  return Buffer.concat(found);
}

async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

for (const [name, code] of Object.entries(CODERS)) {
  const compression = name as keyof typeof CODERS;
  describe(name, () => {
    test("is known by its content, and read in pieces of any length, several members one after another", async () => {
      for (const plain of [TEXT, NOISE, Buffer.alloc(0)]) {
        const coded = code(plain);
        expect(compressionOf(coded)).toBe(compression);
        const two = Buffer.concat([coded, coded]);
        for (const piece of [plain === NOISE ? 4_099 : 1, 65_537, two.length]) {
          expect((await read(two, compression, piece)).equals(Buffer.concat([plain, plain]))).toBe(true);
        }
      }
    });

    test("that is cut off anywhere, or followed by something else, is damaged", async () => {
      for (const plain of [TEXT, NOISE]) {
        const coded = code(plain);
        const middles = [1, 2, 3, 4, 5, 8, 20, coded.length >> 1, coded.length - 9, coded.length - 1];
        for (const cut of middles.filter((length) => length < coded.length)) {
          const twice = Buffer.concat([coded, coded.subarray(0, cut)]);
          expect(await failureOf(read(coded.subarray(0, cut), compression))).toMatchObject({
            code: "corrupt",
          });
          expect(await failureOf(read(twice, compression, 1_000))).toMatchObject({ code: "corrupt" });
        }
        const followed = Buffer.concat([coded, Buffer.from("garbage!")]);
        expect(await failureOf(read(followed, compression))).toMatchObject({ code: "corrupt" });
      }
    });
  });
}

test("frames of zstd that are to be skipped are, wherever they stand", async () => {
  const coded = Buffer.concat([SKIPPABLE, Bun.zstdCompressSync(TEXT), SKIPPABLE]);
  expect(compressionOf(coded)).toBe("zstd");
  for (const piece of [1, 5, coded.length]) {
    expect((await read(coded, "zstd", piece)).equals(TEXT)).toBe(true);
  }
});

test("a frame of zstd with a checksum, of unknown size, or with one block repeated is walked through", async () => {
  const { zstdCompressSync, constants } = await import("node:zlib");
  const params = { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_contentSizeFlag]: 0 };
  for (const plain of [TEXT, NOISE, Buffer.alloc(1_000_000)]) {
    const coded = zstdCompressSync(plain, { params });
    expect(
      (await read(Buffer.concat([coded, coded]), "zstd", 1_000)).equals(Buffer.concat([plain, plain])),
    ).toBe(true);
    expect(await failureOf(read(coded.subarray(0, -2), "zstd"))).toMatchObject({ code: "corrupt" });
  }
});
