// Every adapter of blobs against the suite.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { DiskBlobs } from "../../src/adapters/disk/blobs.ts";
import { MemoryBlobs } from "../../src/adapters/memory/blobs.ts";
import { S3Blobs } from "../../src/adapters/s3/blobs.ts";
import { temporaryByteStores } from "../support/byte-stores.ts";
import { codeOf, readAll, sha256, stream } from "../support/bytes.ts";
import { S3Service } from "../support/s3-service.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { blobsSuite } from "./blobs.suite.ts";

const nothing = { [Symbol.asyncDispose]: async () => undefined };
const part = (choose: "small" | "large") => async () => {
  const stores = await temporaryByteStores();
  return { blobs: stores[choose].blobs, [Symbol.asyncDispose]: () => stores[Symbol.asyncDispose]() };
};

blobsSuite("memory", async () => ({ blobs: new MemoryBlobs(), ...nothing }));
blobsSuite("disk", part("large"));
blobsSuite("sqlite", part("small"), undefined, 60_000);
blobsSuite("tiered, small", temporaryByteStores, () => `s-${crypto.randomUUID()}`, 60_000);
blobsSuite("tiered, large", temporaryByteStores);

let service: S3Service;
beforeAll(async () => {
  service = await S3Service.start();
  await service.createBucket("blobs");
}, 120_000);
afterAll(() => service[Symbol.asyncDispose]());

const s3Blobs = () => {
  const { endpoint, accessKeyId, secretAccessKey } = service;
  return new S3Blobs({ bucket: "blobs", prefix: "re sults/", endpoint, accessKeyId, secretAccessKey });
};
blobsSuite("s3", async () => ({ blobs: s3Blobs(), ...nothing }));

test("s3: many parts are one object; a source that breaks between them leaves nothing, not even parts", async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  const pieces = Array.from({ length: 330 }, () => bytes);
  const blobs = s3Blobs();
  const { size, sha256: digest } = await blobs.put("parts", stream(...pieces));
  expect(size).toBe(330 * 65_536);
  const read = await readAll(await blobs.open("parts"));
  expect(sha256(read)).toBe(digest);
  expect(sha256(Buffer.concat(pieces))).toBe(digest);
  const middle = { start: 8_388_600, end: 8_388_620 };
  expect(await readAll(await blobs.open("parts", middle))).toEqual(read.subarray(middle.start, middle.end));
  const broken = new Error("gone");
  expect(await blobs.put("broken", stream(...pieces, broken)).catch((error) => error)).toBe(broken);
  expect(await blobs.stat("broken")).toBeUndefined();
  expect(await service.unfinishedUploads("blobs")).toBe(0);
}, 60_000);

test("s3: what lies under the prefix without the name of a blob is not listed", async () => {
  await service.client("blobs").write("re sults/README.txt", "foreign");
  await service.client("blobs").write("elsewhere", "foreign");
  const ids = (await Array.fromAsync(s3Blobs().list())).map(({ id }) => id);
  expect(ids).not.toContain("README.txt");
  expect(ids).not.toContain("elsewhere");
});

test("disk: opening removes what a crashed process left half-written, and nothing of a living one", async () => {
  await using folder = await temporaryFolder();
  await mkdir(folder.at("temporary"));
  await Bun.write(folder.at("temporary", "999999999-dead-x"), "half");
  await Bun.write(folder.at("temporary", `${process.pid}-earlier-x`), "half");
  await Bun.write(folder.at("temporary", `${process.ppid}-alive-x`), "half");
  await DiskBlobs.open(folder.path);
  expect(await readdir(folder.at("temporary"))).toEqual([`${process.ppid}-alive-x`]);
});

test("disk: a put that broke leaves no temporary file", async () => {
  await using folder = await temporaryFolder();
  const blobs = await DiskBlobs.open(folder.path);
  await blobs.put("broken", stream("half", new Error("gone"))).catch(() => undefined);
  expect(await readdir(folder.at("temporary"))).toEqual([]);
});

test("disk: an id that is not ours never becomes a path", async () => {
  await using folder = await temporaryFolder();
  const blobs = await DiskBlobs.open(folder.path);
  for (const id of ["../../etc/passwd", "a/b", "", "a\0b", "x".repeat(65)]) {
    expect(await codeOf(blobs.open(id))).toBe("internal");
  }
});

test("disk: a reader that has begun gets all bytes though the blob is removed meanwhile", async () => {
  await using folder = await temporaryFolder();
  const blobs = await DiskBlobs.open(folder.path);
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  await blobs.put("b", stream(...Array.from({ length: 50 }, () => bytes)));
  const content = (await blobs.open("b")) as Blob;
  const reader = content.stream().getReader();
  const first = await reader.read();
  await blobs.remove("b");
  let size = first.value?.length ?? 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) size += next.value.length;
  expect(size).toBe(3_000_000);
});

test("sqlite: refuses bytes that do not fit into a row, and keeps nothing of them", async () => {
  await using stores = await temporaryByteStores();
  expect(await codeOf(stores.small.blobs.put("big", stream(new Uint8Array(65_537))))).toBe("too-large");
  expect(await stores.small.blobs.stat("big")).toBeUndefined();
  await stores.small.blobs.put("fits", stream(new Uint8Array(65_536)));
  expect(await readAll(await stores.small.blobs.open("fits"))).toHaveLength(65_536);
});
