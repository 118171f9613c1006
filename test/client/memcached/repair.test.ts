// Repair sends only what is missing, from the bytes that were stored; garbage collection removes only what no file names.

import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { Evicted, NotFound, openLargeFiles } from "../../../src/client/memcached/index.ts";
import { deleteItem, keysOn, setItem } from "../../support/memcached-keys.ts";
import { memcachedRequest } from "../../support/memcached-request.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";

const failure = (promise: Promise<unknown>) => promise.then(() => undefined).catch((error: unknown) => error);
const text = Buffer.from("the same words again and again, ".repeat(2_000));

async function setsOn(server: string): Promise<number> {
  return Number(/STAT cmd_set (\d+)/.exec(await memcachedRequest(server, "stats\r\n"))?.[1]);
}

describe.each([
  ["as it is", randomBytes(64_000), {}],
  ["compressed", Buffer.from(randomBytes(64_000).toString("hex")), { compress: "zstd" as const }],
  ["with parity", randomBytes(64_000), { parity: 1 }],
])("a file stored %s", (_, bytes, options) => {
  test("gets back every chunk that is lost or damaged, and no other is sent", async () => {
    await using server = await MemcachedServer.start();
    await using files = await openLargeFiles({ servers: [server.address], chunkSize: 100 });
    const stored = await files.store("f", bytes, options);
    const lost = [0, 1, stored.chunks - 1].filter((index, i, all) => all.indexOf(index) === i);
    for (const index of lost) await deleteItem(server.address, `cairn:chunk:${stored.version}:${index}`);
    if (!("parity" in options)) expect(await failure(files.retrieve("f"))).toBeInstanceOf(Evicted);
    if (!("parity" in options)) {
      expect(await files.repair("f")).toMatchObject({ repaired: [], missing: lost });
    }
    const before = await setsOn(server.address);
    expect(await files.repair("f", { source: bytes })).toMatchObject({ repaired: lost, missing: [] });
    expect((await setsOn(server.address)) - before).toBe(lost.length);
    expect(Buffer.compare(await (await files.retrieve("f")).bytes(), bytes)).toBe(0);
    await setItem(server.address, `cairn:chunk:${stored.version}:0`, "damaged");
    expect(await files.repair("f", { source: bytes })).toMatchObject({ repaired: [0] });
    expect(await files.repair("f", { source: bytes })).toMatchObject({ repaired: [], missing: [] });
    await files.verify("f");
  });
});

test("a source that is not what was stored repairs nothing that it differs in", async () => {
  await using server = await MemcachedServer.start();
  await using files = await openLargeFiles({ servers: [server.address], chunkSize: 100 });
  const bytes = randomBytes(1_000);
  const { version } = await files.store("f", bytes);
  await deleteItem(server.address, `cairn:chunk:${version}:5`);
  const other = Buffer.from(bytes);
  other[555] = (other[555] ?? 0) ^ 1;
  expect(await failure(files.repair("f", { source: other }))).toMatchObject({ code: "mismatch" });
  expect(await failure(files.repair("f", { source: bytes.subarray(1) }))).toMatchObject({ code: "mismatch" });
  const longer = (async function* () {
    yield bytes;
    yield randomBytes(1);
  })();
  expect(await failure(files.repair("f", { source: longer }))).toMatchObject({ code: "mismatch" });
  expect(await failure(files.repair("none"))).toBeInstanceOf(NotFound);
});

describe("compression", () => {
  test("is used where it helps only, streams too, and every size comes back", async () => {
    await using server = await MemcachedServer.start();
    await using files = await openLargeFiles({ servers: [server.address], chunkSize: 1_000 });
    const compress = "zstd";
    expect(await files.store("random", randomBytes(10_000), { compress })).toMatchObject({ encoding: null });
    for (const bytes of [text, Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(3_000_000, "ab")]) {
      const stored = await files.store("f", bytes, { compress, replace: true, parity: 1 });
      expect(stored.size).toBe(bytes.length);
      if (bytes.length > 100) expect(stored.encoding).toBe("zstd");
      expect(Buffer.compare(await (await files.retrieve("f")).bytes(), bytes)).toBe(0);
      expect(await files.verify("f")).toMatchObject({ sha256: stored.sha256, rebuilt: [] });
    }
    const stream = new Blob([text]).stream();
    const stored = await files.store("s", stream, { compress });
    expect(stored).toMatchObject({ encoding: "zstd", size: text.length });
    expect(stored.storedSize).toBeLessThan(text.length / 10);
    let size = 0;
    for await (const piece of await files.retrieve("s", { reuse: true })) size += piece.length;
    expect(size).toBe(text.length);
  });

  test("keeps the limits and the errors of its source", async () => {
    await using server = await MemcachedServer.start();
    await using files = await openLargeFiles({ servers: [server.address], maxSize: 10_000 });
    const endless = (async function* () {
      for (;;) yield Buffer.alloc(5_000);
    })();
    expect(await failure(files.store("f", endless, { compress: "zstd" }))).toMatchObject({
      code: "too-large",
    });
    const broken = (async function* () {
      yield Buffer.alloc(5_000);
      throw new Error("the disk is gone");
    })();
    await expect(files.store("f", broken, { compress: "zstd" })).rejects.toThrow("the disk is gone");
    expect(await keysOn(server.address)).toEqual([]);
  });
});

describe("garbage", () => {
  test("of a store that died is removed; files, young chunks and foreign keys stay", async () => {
    await using one = await MemcachedServer.start();
    await using two = await MemcachedServer.start();
    const servers = [one.address, two.address];
    await using files = await openLargeFiles({ servers, chunkSize: 100 });
    const bytes = randomBytes(3_000);
    await files.store("f", bytes, { parity: 1 });
    await files.store("plain", bytes);
    await setItem(one.address, "foreign", "x");
    const before = await Promise.all(servers.map(keysOn));
    // A store that dies: its manifest goes, its chunks stay.
    await files.store("dead", bytes, { parity: 1 });
    for (const server of servers) {
      for (const key of await keysOn(server)) {
        if (key === "cairn:file:dead" || (key.includes(":copy:") && !before.flat().includes(key))) {
          await deleteItem(server, key);
        }
      }
    }
    expect(await files.collectGarbage()).toEqual({ versions: 0, items: 0 });
    expect(await files.collectGarbage({ minAge: 0, dryRun: true })).toEqual({ versions: 1, items: 60 });
    expect(await files.collectGarbage({ minAge: 0 })).toEqual({ versions: 1, items: 60 });
    expect(await Promise.all(servers.map(keysOn))).toEqual(before);
    await setItem(one.address, "cairn:file:odd", "not a manifest");
    const odd = await files.collectGarbage({ minAge: 0 }).catch((error: unknown) => error);
    // Which server holds that key decides whether it is seen at all.
    if (odd instanceof Error) expect(odd.message).toContain("cairn:file:odd");
    await two.kill();
    expect(await failure(files.collectGarbage({ minAge: 0 }))).toMatchObject({ code: "unreachable" });
  });
});

describe("replacing where there is no memory for both", () => {
  test("is refused before a byte is sent, and the old file stays; remove-first makes room", async () => {
    await using server = await MemcachedServer.start();
    await using files = await openLargeFiles({ servers: [server.address] });
    const old = randomBytes(40_000_000);
    const fresh = randomBytes(40_000_000);
    await files.store("f", old);
    const sets = await setsOn(server.address);
    const fault = await failure(files.store("f", fresh, { replace: true }));
    expect(fault).toMatchObject({ code: "out-of-memory" });
    expect(await setsOn(server.address)).toBe(sets);
    expect(Buffer.compare(await (await files.retrieve("f")).bytes(), old)).toBe(0);
    const stored = await files.store("f", fresh, { replace: "remove-first" });
    expect(stored.replaced).toBe("complete");
    expect(Buffer.compare(await (await files.retrieve("f")).bytes(), fresh)).toBe(0);
    // Of a stream nobody knows the size: what happened is said afterwards.
    const stream = (async function* () {
      for (let i = 0; i < 60; i++) yield randomBytes(1_000_000);
    })();
    await using larger = await openLargeFiles({ servers: [server.address], maxSize: 100_000_000 });
    const outcome = await failure(larger.store("f", stream, { replace: true }));
    if (outcome === undefined) await larger.verify("f");
    else expect((outcome as Evicted).hint).toContain("the old file has lost chunks too");
  });
});
