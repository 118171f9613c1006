// Every adapter of staging against the suite.

import { expect, test } from "bun:test";
import { truncate } from "node:fs/promises";
import { FileDigests } from "../../src/adapters/disk/file-digests.ts";
import { MemoryBlobs } from "../../src/adapters/memory/blobs.ts";
import { MemoryStaging } from "../../src/adapters/memory/staging.ts";
import { openByteStores, temporaryByteStores } from "../support/byte-stores.ts";
import { codeOf, readAll, sha256, stream } from "../support/bytes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { stagingSuite } from "./staging.suite.ts";

stagingSuite("memory", async () => {
  const blobs = new MemoryBlobs();
  return { blobs, staging: new MemoryStaging(blobs), [Symbol.asyncDispose]: async () => undefined };
});
for (const choose of ["small", "large"] as const) {
  stagingSuite(choose === "small" ? "sqlite" : "disk", async () => {
    const stores = await temporaryByteStores();
    return { ...stores[choose], [Symbol.asyncDispose]: () => stores[Symbol.asyncDispose]() };
  });
}
stagingSuite("tiered, declared small", temporaryByteStores, 1000);
stagingSuite("tiered, size unknown", temporaryByteStores);

test("what was written is there after a restart", async () => {
  await using folder = await temporaryFolder();
  const before = await openByteStores(folder.path);
  const [small, large] = [await before.staging.create({ size: 10 }), await before.staging.create({})];
  for (const id of [small, large]) await before.staging.write(id, 0, stream("abc"));
  await before[Symbol.asyncDispose]();
  await using after = await openByteStores(folder.path);
  for (const id of [small, large]) {
    expect(String(await readAll(after.staging.read(id, { start: 0, end: 3 })))).toBe("abc");
  }
});

test("disk: a staged file that has lost bytes is not committed", async () => {
  await using folder = await temporaryFolder();
  await using stores = await openByteStores(folder.path);
  const id = await stores.large.staging.create();
  await stores.large.staging.write(id, 0, stream("hello world"));
  await truncate(folder.at("staging", id), 5);
  expect(await codeOf(stores.large.staging.commit(id, 11))).toBe("corrupt");
  expect(await stores.large.blobs.stat(id)).toBeUndefined();
});

test("disk: a digest needs no thread where none can be started", async () => {
  await using folder = await temporaryFolder();
  await Bun.write(folder.at("large"), Buffer.alloc(3_000_000, "x"));
  const digests = new FileDigests(new URL("file:///no/such/thread.ts"));
  const request = { id: "a", path: folder.at("large"), size: 2_500_000 };
  const expected = { kind: "digest", sha256: sha256(Buffer.alloc(2_500_000, "x")) } as const;
  expect(await Promise.all([digests.digest(request), digests.digest(request)])).toEqual([expected, expected]);
  expect(await digests.digest({ ...request, size: 4_000_000 })).toEqual({ kind: "short", size: 3_000_000 });
});
