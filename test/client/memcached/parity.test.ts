// Parity: any K lost or damaged chunks of a group are rebuilt and put back, a dead server among them; one more is Evicted.

import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { Corrupt, Evicted, openLargeFiles, type Stored } from "../../../src/client/memcached/index.ts";
import { deleteItem, keysOn, setItem } from "../../support/memcached-keys.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";

const failure = (promise: Promise<unknown>) => promise.then(() => undefined).catch((error: unknown) => error);

async function start(count: number): Promise<{ servers: MemcachedServer[] } & AsyncDisposable> {
  const servers = await Promise.all(Array.from({ length: count }, () => MemcachedServer.start()));
  return {
    servers,
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

/** The chunks (parity too) of a version, as [server, key]. */
async function chunksOf(servers: readonly MemcachedServer[], { version }: Stored) {
  const each = await Promise.all(
    servers.map(async ({ address }) =>
      (await keysOn(address)).filter((key) => key.includes(version)).map((key) => [address, key] as const),
    ),
  );
  return each.flat();
}

const slotOf = (key: string) => key.split(":").at(-1)?.split(".")[0] ?? "";
const groupOf = (key: string, { parity, group }: Stored) => {
  const slot = slotOf(key);
  return Math.floor(slot.startsWith("p") ? Number(slot.slice(1)) / parity : Number(slot) / group);
};

describe.each([
  [1, 1],
  [1, 3],
  [3, 1],
  [3, 2],
])("over %i servers with %i parity chunks", (count, parity) => {
  test("any so many losses of each group are rebuilt and put back; one more is Evicted", async () => {
    await using pool = await start(count);
    const servers = pool.servers.map(({ address }) => address);
    await using files = await openLargeFiles({ servers, chunkSize: 100 });
    const bytes = randomBytes(4_050);
    const stored = await files.store("f", bytes, { parity });
    expect(stored).toMatchObject({ parity, chunks: 41 });
    const chunks = await chunksOf(pool.servers, stored);
    expect(chunks).toHaveLength(41 + parity * Math.ceil(41 / stored.group));
    const groups = Map.groupBy(chunks, ([, key]) => groupOf(key, stored));
    const losses = [...groups.values()].map((group) => fc.shuffledSubarray(group, { maxLength: parity }));
    const damages = fc.array(fc.constantFrom("lost", "x", "x".repeat(100)), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.tuple(...losses), damages, async (lost, damage) => {
        for (const [i, [server, key]] of lost.flat().entries()) {
          const how = damage[i % damage.length] ?? "lost";
          if (how === "lost") await deleteItem(server, key);
          else await setItem(server, key, how);
        }
        expect(Buffer.compare(await (await files.retrieve("f")).bytes(), bytes)).toBe(0);
        expect((await files.repair("f")).missing).toEqual([]);
        expect((await files.verify("f")).rebuilt).toEqual([]);
        expect(await chunksOf(pool.servers, stored)).toEqual(chunks);
      }),
      { numRuns: 12 },
    );
    const [group = []] = groups.values();
    const lost = group.filter(([, key]) => !slotOf(key).startsWith("p")).slice(0, parity + 1);
    if (lost.length <= parity) return;
    for (const [server, key] of lost) await deleteItem(server, key);
    const fault = await failure(files.retrieve("f"));
    expect(fault).toBeInstanceOf(Evicted);
    expect((fault as Evicted).missing).toEqual(
      lost.map(([, key]) => Number(slotOf(key))).sort((a, b) => a - b),
    );
    expect((fault as Evicted).message).toContain("more than parity can bring back");
  });
});

test.each([1, 2])(
  "any one of three servers may die with %i parity chunks, its manifest too",
  async (parity) => {
    for (const victim of [0, 1, 2]) {
      await using pool = await start(3);
      const servers = pool.servers.map(({ address }) => address);
      await using files = await openLargeFiles({ servers, chunkSize: 5_000 });
      const bytes = randomBytes(333_333);
      const names = ["a", "b", "c", "d", "e"];
      for (const name of names) await files.store(name, bytes, { parity });
      const opened = await files.retrieve("a");
      const reader = opened[Symbol.asyncIterator]();
      await reader.next();
      await pool.servers[victim]!.kill();
      let read = 5_000;
      for await (const piece of { [Symbol.asyncIterator]: () => reader }) read += piece.length;
      expect(read).toBe(bytes.length);
      for (const name of names) {
        expect(Buffer.compare(await (await files.retrieve(name)).bytes(), bytes)).toBe(0);
        expect((await files.verify(name)).rebuilt.length).toBeGreaterThan(0);
      }
    }
  },
);

test("a server that lost everything gets its chunks and manifests back by reading and repairing", async () => {
  await using pool = await start(3);
  const servers = pool.servers.map(({ address }) => address);
  await using files = await openLargeFiles({ servers, chunkSize: 5_000 });
  const bytes = randomBytes(100_000);
  const names = ["a", "b", "c", "d"];
  for (const name of names) await files.store(name, bytes, { parity: 1 });
  const before = await Promise.all(servers.map(keysOn));
  for (const key of before[1]!) await deleteItem(servers[1]!, key);
  for (const name of names) {
    await (await files.retrieve(name)).bytes();
    await files.repair(name);
  }
  expect(await Promise.all(servers.map(keysOn))).toEqual(before);
  for (const name of names) await files.remove(name);
  expect((await Promise.all(servers.map(keysOn))).flat()).toEqual([]);
});

test("replacing a file with parity by one without leaves no copy behind, and removal is final", async () => {
  await using pool = await start(3);
  const servers = pool.servers.map(({ address }) => address);
  await using files = await openLargeFiles({ servers, chunkSize: 500 });
  const copies = async () =>
    (await Promise.all(servers.map(keysOn))).flat().filter((key) => key.includes(":copy:"));
  await files.store("f", randomBytes(3_000), { parity: 2 });
  expect(await copies()).toHaveLength(2);
  const bytes = randomBytes(2_000);
  await files.store("f", bytes, { replace: true, parity: 1 });
  expect(await copies()).toHaveLength(1);
  await files.store("f", bytes, { replace: true });
  expect(await copies()).toEqual([]);
  expect(Buffer.compare(await (await files.retrieve("f")).bytes(), bytes)).toBe(0);
});

test("without enough parity a damaged chunk is Corrupt and named", async () => {
  await using pool = await start(1);
  await using files = await openLargeFiles({ servers: [pool.servers[0]!.address], chunkSize: 100 });
  const stored = await files.store("f", randomBytes(1_000), { parity: 1 });
  for (const k of [2, 5]) await setItem(pool.servers[0]!.address, `cairn:chunk:${stored.version}:${k}`, "?");
  expect(await failure(files.verify("f"))).toMatchObject({ code: "corrupt", chunks: [2, 5] });
  expect(await failure((await files.retrieve("f")).bytes())).toBeInstanceOf(Corrupt);
  await expect(files.store("g", randomBytes(1), { parity: 17 })).rejects.toMatchObject({ code: "invalid" });
});
