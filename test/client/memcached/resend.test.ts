// A server that drops an item while it takes others, as stock memcached does now and then: it is sent again where that is possible.

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { type Evicted, openLargeFiles } from "../../../src/client/memcached/index.ts";
import { keysOn } from "../../support/memcached-keys.ts";
import { losing, withItemLimit } from "../../support/memcached-proxy.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const bytes = Buffer.from(randomBytes(16_000).toString("hex"));
async function* stream() {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

const failure = (promise: Promise<unknown>) => promise.then(() => undefined).catch((error: unknown) => error);

test.each([
  ["a chunk, of bytes", ":3", () => bytes, {}],
  ["a chunk, of a Blob", ":3", () => new Blob([bytes]), {}],
  ["a chunk, of a compressed Blob", ":3", () => new Blob([bytes]), { compress: "zstd" as const }],
  ["a chunk, of a stream with parity", ":3", stream, { parity: 1 }],
  ["a parity chunk, of a stream", ":p1", stream, { parity: 1 }],
  ["a part of the manifest, of a stream", ":m0", stream, {}],
])("%s: it is sent again", async (_, lost, source, options) => {
  await using server = await MemcachedServer.start();
  // So small that a manifest of 64 chunks outgrows an item, where that is what is lost.
  await using small = await withItemLimit(server.address, lost === ":m0" ? 1_150 : 1_048_576);
  await using proxy = await losing(small.address, lost);
  await using files = await openLargeFiles({ servers: [proxy.address], chunkSize: 500 });
  const stored = await files.store("f", source(), options);
  expect(proxy.lost).toBe(true);
  expect(Buffer.compare(await (await files.retrieve("f")).bytes(), bytes)).toBe(0);
  expect(await files.repair("f", { source: bytes })).toMatchObject({ repaired: [], missing: [] });
  expect(stored.size).toBe(bytes.length);
});

test("of a stream: Evicted says what to do, and nothing stays", async () => {
  await using server = await MemcachedServer.start();
  await using proxy = await losing(server.address, ":3");
  await using files = await openLargeFiles({ servers: [proxy.address], chunkSize: 500 });
  const fault = await failure(files.store("f", stream()));
  expect(fault).toMatchObject({ code: "evicted", missing: [3] });
  expect((fault as Evicted).hint).toContain("a stream cannot be read twice");
  expect((await keysOn(server.address)).filter((key) => !key.endsWith("~"))).toEqual([]);
});

test("of a file that changes meanwhile: a conflict, and nothing stays", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("file");
  await writeFile(path, bytes);
  await using server = await MemcachedServer.start();
  await using proxy = await losing(server.address, ":3");
  await using files = await openLargeFiles({ servers: [proxy.address], chunkSize: 500 });
  let changed = false;
  const onProgress = ({ done }: { readonly done: number }) => {
    if (done < bytes.length || changed) return;
    changed = true;
    writeFileSync(path, Buffer.alloc(bytes.length, "other bytes"));
  };
  expect(await failure(files.store("f", path, { onProgress }))).toMatchObject({ code: "conflict" });
  expect((await keysOn(server.address)).filter((key) => !key.endsWith("~"))).toEqual([]);
});
