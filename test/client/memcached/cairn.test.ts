// Large files in Cairn's own server: the same library, the same guarantees.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  AlreadyExists,
  Corrupt,
  Evicted,
  type LargeFiles,
  NotFound,
  openLargeFiles,
} from "../../../src/client/memcached/index.ts";
import { deleteItem, setItem } from "../../support/memcached-keys.ts";
import { memcachedRequest } from "../../support/memcached-request.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";
import { type Served, serveKv } from "../../support/memcached-wire.ts";

let cairn: Served;
let files: LargeFiles;
let address: string;
beforeAll(async () => {
  cairn = serveKv();
  address = `127.0.0.1:${cairn.port}`;
  files = await openLargeFiles({ servers: [address] });
});
afterAll(async () => {
  await files.close();
  await cairn[Symbol.asyncDispose]();
});

const failure = (promise: Promise<unknown>) => promise.then(() => undefined).catch((error: unknown) => error);

test.each([0, 1, 509_999, 510_000, 510_001, 52_428_800])("%i bytes", async (size) => {
  const bytes = randomBytes(size);
  expect(await files.store("f", bytes)).toMatchObject({ size, chunks: Math.ceil(size / 510_000) });
  expect(Buffer.compare(await (await files.retrieve("f")).bytes(), bytes)).toBe(0);
  expect(await failure(files.store("f", bytes))).toBeInstanceOf(AlreadyExists);
  await files.remove("f");
  expect(await failure(files.stat("f"))).toBeInstanceOf(NotFound);
});

test("lost and damaged chunks are named, and a replacement repairs them", async () => {
  const bytes = randomBytes(2_000_000);
  const first = await files.store("f", bytes);
  await setItem(address, `cairn:chunk:${first.version}:1`, "damage");
  expect(await failure(files.verify("f"))).toBeInstanceOf(Corrupt);
  await files.store("f", bytes, { replace: true });
  const second = await files.verify("f");
  await deleteItem(address, `cairn:chunk:${second.version}:3`);
  expect(await failure(files.retrieve("f").then((retrieval) => retrieval.bytes()))).toMatchObject({
    missing: [3],
    total: 4,
  });
  expect(await failure(files.verify("f"))).toBeInstanceOf(Evicted);
  expect((await files.store("f", bytes)).replaced).toBe("incomplete");
  await files.verify("f");
  await files.remove("f");
});

test("listing, repair and garbage collection work as on memcached", async () => {
  const bytes = randomBytes(1_500_000);
  await files.store("ä file", bytes);
  const { version } = await files.store("dead", bytes);
  await files.store("plain", bytes, { parity: 1 });
  const listed: string[] = [];
  for await (const { name } of files.list()) listed.push(name);
  expect(listed.sort()).toEqual(["dead", "plain", "ä file"]);
  await deleteItem(address, "cairn:file:dead");
  expect(await files.collectGarbage()).toEqual({ versions: 0, items: 0 });
  expect(await files.collectGarbage({ minAge: 0 })).toEqual({ versions: 1, items: 3 });
  expect(await memcachedRequest(address, `mg cairn:chunk:${version}:0\r\n`)).toBe("EN\r\n");
  const plain = await files.stat("plain");
  await deleteItem(address, `cairn:chunk:${plain.version}:1`);
  expect((await files.verify("plain")).rebuilt).toEqual([1]);
  expect(await files.repair("plain", { source: bytes })).toMatchObject({ repaired: [], missing: [] });
  for (const name of ["ä file", "plain"]) await files.remove(name);
});

test("Cairn and memcached servers make one pool; either may be gone", async () => {
  await using memcached = await MemcachedServer.start();
  await using third = await MemcachedServer.start();
  const servers = [address, memcached.address, third.address];
  await using pool = await openLargeFiles({ servers, chunkSize: 50_000 });
  const bytes = randomBytes(1_000_000);
  await pool.store("f", bytes, { parity: 1 });
  await memcached.kill();
  expect(Buffer.compare(await (await pool.retrieve("f")).bytes(), bytes)).toBe(0);
});
