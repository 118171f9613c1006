// Lost and damaged chunks: every single one is noticed and named, and can be repaired by storing again.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  AlreadyExists,
  Corrupt,
  Evicted,
  type LargeFiles,
  NotFound,
  openLargeFiles,
  Replaced,
  type Stored,
} from "../../../src/client/memcached/index.ts";
import { deleteItem, keysOn, setItem } from "../../support/memcached-keys.ts";
import { type Misbehaving, withoutMeta } from "../../support/memcached-proxy.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";

const CHUNKS = 12;
const bytes = randomBytes(CHUNKS * 50 - 7);
let server: MemcachedServer;
let old: Misbehaving;

beforeAll(async () => {
  server = await MemcachedServer.start();
  old = await withoutMeta(server.address);
});
afterAll(async () => {
  await old[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const failure = (promise: Promise<unknown>) => promise.then(() => undefined).catch((error: unknown) => error);
const chunk = ({ version }: Stored, index: number) => `cairn:chunk:${version}:${index}`;
const open = (address: string) => openLargeFiles({ servers: [address], chunkSize: 50 });

async function readAll(files: LargeFiles, name: string): Promise<Uint8Array> {
  return (await files.retrieve(name)).bytes();
}

describe.each([
  ["memcached", () => server.address],
  ["a server without meta commands", () => old.address],
] as const)("on %s", (_, address) => {
  test("deleting chunk k, for every k, is Evicted and names k; storing again repairs it", async () => {
    await using files = await open(address());
    let stored = await files.store("f", bytes);
    for (let k = 0; k < CHUNKS; k++) {
      await deleteItem(server.address, chunk(stored, k));
      for (const attempt of [() => readAll(files, "f"), () => files.verify("f")]) {
        const fault = await failure(attempt());
        expect(fault).toBeInstanceOf(Evicted);
        expect(fault).toMatchObject({ code: "evicted", missing: [k], total: CHUNKS });
        expect((fault as Evicted).message).toBe(`"f": 1 of 12 chunks were evicted (${k})`);
      }
      stored = await files.store("f", bytes);
      expect(stored.replaced).toBe("incomplete");
      expect(Buffer.compare(await readAll(files, "f"), bytes)).toBe(0);
      expect(await keysOn(server.address)).toHaveLength(CHUNKS + 1);
    }
    await files.remove("f");
  });

  test("corrupting chunk k, for every k, is Corrupt and names k; no bad byte is handed out", async () => {
    await using files = await open(address());
    const stored = await files.store("f", bytes);
    for (let k = 0; k < CHUNKS; k++) {
      const good = bytes.subarray(k * 50, k * 50 + 50).toString("latin1");
      for (const bad of [
        `${String.fromCharCode(good.charCodeAt(0) ^ 1)}${good.slice(1)}`,
        good.slice(1),
        "",
        `${good}x`,
      ]) {
        await setItem(server.address, chunk(stored, k), bad);
        let handedOut = 0;
        const fault = await failure(
          (async () => {
            for await (const piece of await files.retrieve("f")) {
              expect(bytes.subarray(handedOut, handedOut + piece.length).equals(piece)).toBe(true);
              handedOut += piece.length;
            }
          })(),
        );
        expect(fault).toBeInstanceOf(Corrupt);
        expect(fault).toMatchObject({ code: "corrupt", chunks: [k] });
        expect(handedOut).toBe(k * 50);
        expect(await failure(files.verify("f"))).toMatchObject({ chunks: [k] });
      }
      await setItem(server.address, chunk(stored, k), good);
    }
    await files.verify("f");
    await files.remove("f");
  });

  test("several are named together", async () => {
    await using files = await open(address());
    const stored = await files.store("f", bytes);
    for (const k of [1, 7, 8]) await setItem(server.address, chunk(stored, k), "?");
    expect(await failure(files.verify("f"))).toMatchObject({ chunks: [1, 7, 8] });
    for (const k of [2, 5, 11]) await deleteItem(server.address, chunk(stored, k));
    expect(await failure(files.verify("f"))).toMatchObject({ missing: [2, 5, 11], total: CHUNKS });
    await files.remove("f");
    expect(await keysOn(server.address)).toEqual([]);
  });
});

test("chunks that were exchanged are corrupt", async () => {
  await using files = await open(server.address);
  const stored = await files.store("f", bytes);
  await setItem(server.address, chunk(stored, 3), bytes.subarray(200, 250).toString("latin1"));
  expect(await failure(files.verify("f"))).toMatchObject({ chunks: [3] });
  await files.remove("f");
});

test("a damaged manifest is Corrupt, blocks the name, and can be replaced or removed", async () => {
  await using files = await open(server.address);
  await files.store("f", bytes);
  await setItem(server.address, "cairn:file:f", "not a manifest");
  for (const attempt of [() => readAll(files, "f"), () => files.stat("f"), () => files.verify("f")]) {
    expect(await failure(attempt())).toBeInstanceOf(Corrupt);
  }
  expect(await failure(files.store("f", bytes))).toBeInstanceOf(AlreadyExists);
  await files.store("f", bytes, { replace: true });
  await files.verify("f");
  await setItem(server.address, "cairn:file:f", "not a manifest");
  await files.remove("f");
  expect(await failure(files.stat("f"))).toBeInstanceOf(NotFound);
});

test("a file that is replaced or removed while it is read is Replaced, never a mix", async () => {
  await using files = await open(server.address);
  const long = randomBytes(100_000);
  for (const change of [() => files.store("f", bytes, { replace: true }), () => files.remove("f")]) {
    await files.store("f", long, { replace: true });
    const reader = (await files.retrieve("f"))[Symbol.asyncIterator]();
    const first = await reader.next();
    expect(Buffer.compare(first.value ?? Buffer.alloc(0), long.subarray(0, 50))).toBe(0);
    await change();
    const fault = await failure(
      (async () => {
        while (!(await reader.next()).done);
      })(),
    );
    expect(fault).toBeInstanceOf(Replaced);
  }
});
