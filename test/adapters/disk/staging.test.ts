// Staging on a disk: long writes of pieces of all sizes, what they tell on their way, and digests that are computed ahead.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { truncate } from "node:fs/promises";
import { FileDigests } from "../../../src/adapters/disk/file-digests.ts";
import type { DiskStaging } from "../../../src/adapters/disk/staging.ts";
import { seededRandom } from "../../../src/cli/generate/random.ts";
import { type ByteStores, openByteStores } from "../../support/byte-stores.ts";
import { codeOf, readAll, sha256, stream } from "../../support/bytes.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.ts";

const SIZE = 40_000_001;
const bytes = randomBytes(SIZE);
let folder: TemporaryFolder;
let stores: ByteStores;
let staging: DiskStaging;

beforeAll(async () => {
  folder = await temporaryFolder();
  stores = await openByteStores(folder.path);
  staging = stores.large.staging;
});
afterAll(async () => {
  await stores[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function* pieces(lengthOf: (at: number) => number, size = SIZE): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; ) {
    const end = Math.min(size, at + lengthOf(at));
    yield bytes.subarray(at, end);
    at = end;
  }
}

const random = seededRandom(7);
test.each([
  ["of a network's packets", () => 1_448, 3_000_000],
  ["of 64 KiB", () => 65_536, SIZE],
  ["larger than what is gathered", () => 9_999_999, SIZE],
  ["of any size, empty ones too", () => random.below(3) * random.below(200_000), 20_000_000],
])("pieces %s", async (_, lengthOf, size) => {
  const id = await staging.create();
  expect(await staging.write(id, 3, pieces(lengthOf, size))).toEqual({ written: size });
  const digest = sha256(await readAll(staging.read(id, { start: 3, end: size + 3 })));
  expect(digest).toBe(sha256(bytes.subarray(0, size)));
  await staging.discard(id);
});

test("a long write tells what is durable already, always more, and never too much", async () => {
  const id = await staging.create();
  const told: number[] = [];
  let given = 0;
  const source = pieces((at) => {
    given = Math.min(SIZE, at + 65_536);
    return 65_536;
  });
  const onDurable = (written: number) => {
    expect(written).toBeLessThanOrEqual(given);
    told.push(written);
  };
  const writing = staging.write(id, 0, source, { onDurable });
  expect(await writing).toEqual({ written: SIZE });
  expect(told.length).toBeGreaterThan(0);
  expect(told).toEqual([...new Set(told)].sort((a, b) => a - b));
  await staging.discard(id);
});

test("pieces that are given away are freed when they are written; of others, and of parts of buffers, none is", async () => {
  const id = await staging.create();
  const [whole, kept] = [Uint8Array.from(bytes.subarray(0, 70_000)), Uint8Array.from([1, 2, 3])];
  const part = Uint8Array.from(bytes.subarray(0, 70_000)).subarray(1);
  await staging.write(id, 0, stream(whole, part), { isGiven: true });
  await staging.write(id, 139_999, stream(kept));
  expect([whole.length, part.length, kept.length]).toEqual([0, 69_999, 3]);
  const written = await readAll(staging.read(id, { start: 0, end: 140_002 }));
  const expected = [bytes.subarray(0, 70_000), bytes.subarray(1, 70_000), Buffer.from([1, 2, 3])];
  expect(sha256(written)).toBe(sha256(Buffer.concat(expected)));
});

test("a digest takes up what was hashed ahead, and asks for it again as often as it likes", async () => {
  const id = await staging.create();
  await staging.write(id, 0, bytes);
  for (const ahead of [9_000_000, 20_000_000, 20_000_000, 31_000_000]) staging.hashAhead(id, ahead);
  const sizes = [SIZE, 20_000_000, 31_000_000, 5, 0, SIZE];
  const digests = await Promise.all(sizes.map((size) => staging.digest(id, size)));
  expect(digests).toEqual(sizes.map((size) => sha256(bytes.subarray(0, size))));
  expect(await staging.digest(id, SIZE)).toBe(sha256(bytes));
  expect(await codeOf(staging.digest(id, SIZE + 1))).toBe("corrupt");
  await staging.discard(id);
  expect(await codeOf(staging.digest(id, 5))).toBe("not-found");
});

test("a file that was cut short after it was hashed ahead becomes no blob", async () => {
  const id = await staging.create();
  await staging.write(id, 0, bytes);
  staging.hashAhead(id, SIZE);
  await staging.digest(id, SIZE);
  await truncate(folder.at("staging", id), 1_000);
  expect(await codeOf(staging.commit(id, SIZE))).toBe("corrupt");
  expect(await stores.large.blobs.stat(id)).toBeUndefined();
});

test("bytes that could not be read ahead are no harm once they are there", async () => {
  const id = await staging.create();
  staging.hashAhead(id, 9_000_000);
  expect(await codeOf(staging.digest(id, 9_000_000))).toBe("corrupt");
  await staging.write(id, 0, stream(bytes.subarray(0, 9_000_000)));
  expect(await staging.digest(id, 9_000_000)).toBe(sha256(bytes.subarray(0, 9_000_000)));
});

test("a large file does not keep a smaller one waiting", async () => {
  const [large, small] = [await staging.create(), await staging.create()];
  await staging.write(large, 0, bytes);
  await staging.write(small, 0, bytes.subarray(0, 1_000_000));
  const order: string[] = [];
  await Promise.all([
    staging.digest(large, SIZE).then(() => order.push("large")),
    staging.digest(small, 1_000_000).then(() => order.push("small")),
  ]);
  expect(order).toEqual(["small", "large"]);
});

test.each([
  ["in a thread", undefined],
  ["here, where no thread can be started", new URL("file:///no/such/thread.ts")],
])("more files ahead than are remembered: %s", async (_, thread) => {
  const digests = new FileDigests(thread);
  const path = folder.at("many");
  await Bun.write(path, bytes.subarray(0, 3_000_000));
  const ids = Array.from({ length: 1_100 }, (_, i) => `file-${i}`);
  for (const id of ids) digests.ahead({ id, path, size: 10_000 });
  const expected = { kind: "digest", sha256: sha256(bytes.subarray(0, 3_000_000)) } as const;
  for (const id of [ids[0], ids.at(-1)]) {
    expect(await digests.digest({ id: id ?? "", path, size: 3_000_000 })).toEqual(expected);
  }
  for (const id of ids) digests.forget(id);
});
