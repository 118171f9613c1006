// Files that are written past the cache: byte for byte what was given, wherever the disk refuses, stops short or is full.

import { expect, test } from "bun:test";
import { constants } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { FileOutput, type OpenFile } from "../../src/wire/file-output.ts";
import { failureOf } from "../support/failure.ts";
import { temporaryFolder } from "../support/temporary.ts";

const MIB = 1_048_576;
const BLOCK = 4_096;
/** Around the borders of what is cached, of blocks and of chunks. */
const SIZES = [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK, 2 * BLOCK + 1, MIB + 2 * BLOCK, 3 * MIB + 2 * BLOCK + 17];

interface Direct {
  /** Opened as any file, so that it holds on every disk; what a direct write must keep to is checked. */
  readonly open: () => Promise<OpenFile>;
  /** Bytes that came by it. */
  bytes: number;
  isClosed: boolean;
}

type Writes = (file: FileHandle, bytes: Uint8Array, position: number) => Promise<number>;

const ALL: Writes = async (file, bytes, position) =>
  (await file.write(bytes, 0, bytes.length, position)).bytesWritten;

function directFile(path: string, writes: Writes = ALL): Direct {
  const direct: Direct = {
    bytes: 0,
    isClosed: false,
    async open() {
      const file = await open(path, "r+");
      return {
        async write(bytes, offset, length, position) {
          expect([offset % BLOCK, length % BLOCK, position % BLOCK]).toEqual([0, 0, 0]);
          const bytesWritten = await writes(file, bytes.subarray(offset, offset + length), position);
          direct.bytes += bytesWritten;
          return { bytesWritten };
        },
        datasync: () => file.datasync(),
        async close() {
          await file.close();
          direct.isClosed = true;
        },
      };
    },
  };
  return direct;
}

/** Writes `content` in pieces of all lengths; each piece's memory is overwritten as soon as it may be. */
async function writeAll(output: FileOutput, content: Uint8Array): Promise<void> {
  const lengths = [1, 700_000, BLOCK, 13, 2 * MIB + 5, 64 * 1_024];
  for (let at = 0, i = 0; at < content.length; i += 1) {
    const piece = content.slice(at, at + (lengths[i % lengths.length] ?? 1));
    at += piece.length;
    await output.write(piece);
    piece.fill(0);
  }
  await output.end();
}

function randomBytes(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

for (const size of SIZES) {
  test(`${size} bytes: what is behind the cached ones and fills a chunk goes directly`, async () => {
    await using folder = await temporaryFolder();
    const [path, content] = [folder.at("f"), randomBytes(size)];
    const direct = directFile(path);
    await using file = await open(path, "wx");
    // Cached is what begins a block.
    await using output = new FileOutput(file, { openDirect: direct.open, cached: BLOCK + 1 });
    await writeAll(output, content);
    expect(Buffer.compare(await readFile(path), content)).toBe(0);
    expect(direct.bytes).toBe(Math.floor(Math.max(0, size - 2 * BLOCK) / MIB) * MIB);
    await output[Symbol.asyncDispose]();
    expect(direct.isClosed).toBe(direct.bytes > 0 || size > 2 * BLOCK);
  });
}

test("a disk writes directly what this system can, with nothing cached before it", async () => {
  await using folder = await temporaryFolder();
  const [path, content] = [folder.at("f"), randomBytes(5 * MIB + 1)];
  await using file = await open(path, "wx");
  const openDirect = () => open(path, constants.O_WRONLY | constants.O_DIRECT);
  await using output = new FileOutput(file, { openDirect, cached: 0 });
  await writeAll(output, content);
  expect(Buffer.compare(await readFile(path), content)).toBe(0);
});

test("where it cannot be opened so, all goes through the cache", async () => {
  await using folder = await temporaryFolder();
  const [path, content] = [folder.at("f"), randomBytes(3 * MIB)];
  await using file = await open(path, "wx");
  const openDirect = () => Promise.reject(new Error("no such thing"));
  await using output = new FileOutput(file, { openDirect, cached: 0 });
  await writeAll(output, content);
  expect(Buffer.compare(await readFile(path), content)).toBe(0);
});

test("a disk that refuses in the middle, after a part of a chunk, is written through the cache from there on", async () => {
  await using folder = await temporaryFolder();
  const [path, content] = [folder.at("f"), randomBytes(6 * MIB + 9)];
  const direct = directFile(path, async (file, bytes, position) => {
    if (position === 2 * MIB) return ALL(file, bytes.subarray(0, 5 * BLOCK), position);
    if (position > 2 * MIB) throw Object.assign(new Error("not so"), { code: "EINVAL" });
    return ALL(file, bytes, position);
  });
  await using file = await open(path, "wx");
  await using output = new FileOutput(file, { openDirect: direct.open, cached: 0 });
  await writeAll(output, content);
  expect(Buffer.compare(await readFile(path), content)).toBe(0);
  expect(direct.bytes).toBe(2 * MIB + 5 * BLOCK);
});

for (const chunk of [1, 3]) {
  test(`a disk that is full at chunk ${chunk} of 4 fails the file`, async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("f");
    const direct = directFile(path, (file, bytes, position) => {
      if (position < chunk * MIB) return ALL(file, bytes, position);
      throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    });
    await using file = await open(path, "wx");
    const output = new FileOutput(file, { openDirect: direct.open, cached: 0 });
    expect(await failureOf(writeAll(output, randomBytes(4 * MIB)))).toMatchObject({ code: "ENOSPC" });
    await output[Symbol.asyncDispose]();
    expect(direct.isClosed).toBe(true);
  });
}

test("a write that nobody waited for has ended when the output is disposed of", async () => {
  await using folder = await temporaryFolder();
  const [path, content] = [folder.at("f"), randomBytes(3 * MIB)];
  const direct = directFile(path);
  await using file = await open(path, "wx");
  const output = new FileOutput(file, { openDirect: direct.open, cached: 0 });
  const writing = output.write(content);
  await output[Symbol.asyncDispose]();
  expect(direct.isClosed).toBe(true);
  expect(direct.bytes).toBe(3 * MIB);
  await writing;
});
