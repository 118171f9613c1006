// Pools of servers: files spread over them, one of them killed at every moment, and servers that come back.

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  Evicted,
  type LargeFiles,
  NotFound,
  openLargeFiles,
  ServerUnreachable,
} from "../../../src/client/memcached/index.ts";
import { backoff } from "../../../src/client/memcached/server.ts";
import { keysOn } from "../../support/memcached-keys.ts";
import { scripted } from "../../support/memcached-proxy.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";

interface Pool extends AsyncDisposable {
  readonly servers: readonly MemcachedServer[];
  readonly addresses: readonly string[];
}

async function pool(count: number, flags: readonly string[] = []): Promise<Pool> {
  const servers = await Promise.all(Array.from({ length: count }, () => MemcachedServer.start(flags)));
  return {
    servers,
    addresses: servers.map(({ address }) => address),
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

const failure = (promise: Promise<unknown>) => promise.then(() => undefined).catch((error: unknown) => error);
const keysOf = async (addresses: readonly string[]) => (await Promise.all(addresses.map(keysOn))).flat();

/** A name whose manifest is, or is not, on that server. */
async function nameOn(address: string, on: boolean, files: LargeFiles): Promise<string> {
  for (let i = 0; ; i++) {
    await files.store(`name${i}`, new Uint8Array(0));
    const here = (await keysOn(address)).includes(`cairn:file:name${i}`);
    await files.remove(`name${i}`);
    if (here === on) return `name${i}`;
  }
}

test("a file is spread over three servers, comes back whole, is listed once, and goes without a trace", async () => {
  await using three = await pool(3);
  await using files = await openLargeFiles({ servers: three.addresses, chunkSize: 10_000 });
  const bytes = randomBytes(1_000_001);
  await files.store("f", bytes);
  for (const address of three.addresses) expect((await keysOn(address)).length).toBeGreaterThan(10);
  expect(Buffer.compare(await (await files.retrieve("f")).bytes(), bytes)).toBe(0);
  const listed = [];
  for await (const { name } of files.list()) listed.push(name);
  expect(listed).toEqual(["f"]);
  await files.store("f", bytes, { replace: true });
  await files.remove("f");
  expect(await keysOf(three.addresses)).toEqual([]);
});

test("one of three killed in the middle of a store: ServerUnreachable that names it, and nothing stays on the others", async () => {
  await using three = await pool(3);
  await using files = await openLargeFiles({ servers: three.addresses, chunkSize: 10_000 });
  const [first, second, third] = three.servers;
  const source = (async function* () {
    for (let i = 0; i < 200; i++) {
      if (i === 100) await second?.kill();
      yield randomBytes(10_000);
    }
  })();
  const fault = await failure(files.store("f", source));
  expect(fault).toBeInstanceOf(ServerUnreachable);
  expect((fault as ServerUnreachable).server).toBe(second!.address);
  expect(await keysOf([first!.address, third!.address])).toEqual([]);
  expect(await failure(files.store("f", randomBytes(600_000)))).toBeInstanceOf(ServerUnreachable);
});

test("one of three killed: what it held is Evicted and the server is named; a name that it held is ServerUnreachable", async () => {
  await using three = await pool(3);
  await using files = await openLargeFiles({ servers: three.addresses, chunkSize: 10_000 });
  const [first] = three.servers;
  const name = await nameOn(first!.address, false, files);
  const lost = await nameOn(first!.address, true, files);
  const stored = await files.store(name, randomBytes(600_000));
  await files.store(lost, randomBytes(10));
  const held = (await keysOn(first!.address))
    .filter((key) => key.includes(stored.version))
    .map((key) => Number(key.split(":").at(-1)))
    .sort((a, b) => a - b);
  const retrieval = await files.retrieve(name);
  await first!.kill();
  for (const attempt of [() => retrieval.bytes(), () => files.retrieve(name), () => files.verify(name)]) {
    const fault = await failure(attempt());
    expect(fault).toBeInstanceOf(Evicted);
    expect(fault).toMatchObject({ missing: held, total: 60 });
    expect((fault as Evicted).hint).toContain(first!.address);
  }
  const fault = await failure(files.stat(lost));
  expect(fault).toBeInstanceOf(ServerUnreachable);
  expect((fault as ServerUnreachable).server).toBe(first!.address);
});

test("all killed: ServerUnreachable", async () => {
  await using two = await pool(2);
  await using files = await openLargeFiles({ servers: two.addresses, chunkSize: 1_000 });
  await files.store("f", randomBytes(50_000));
  await Promise.all(two.servers.map((server) => server.kill()));
  expect(await failure(files.retrieve("f"))).toBeInstanceOf(ServerUnreachable);
});

test("a server that falls silent costs one timeout, not one for each of its chunks", async () => {
  await using one = await pool(1);
  await using silent = await scripted(() => undefined);
  await using files = await openLargeFiles({ servers: [...one.addresses, silent.address], idleTimeout: 300 });
  const before = performance.now();
  const faults = await Promise.all(Array.from({ length: 50 }, (_, i) => failure(files.stat(`name${i}`))));
  const after = await Promise.all(Array.from({ length: 50 }, (_, i) => failure(files.stat(`name${i}`))));
  expect(performance.now() - before).toBeLessThan(1_500);
  for (const fault of [...faults, ...after]) {
    expect(fault instanceof ServerUnreachable || fault instanceof NotFound).toBe(true);
  }
  expect(faults.some((fault) => fault instanceof ServerUnreachable)).toBe(true);
});

test("a server that cannot be connected is tried again later and later", () => {
  expect([1, 2, 3, 4].map(backoff)).toEqual([50, 100, 200, 400]);
  expect(backoff(100)).toBe(5_000);
});

test.each([
  [["127.0.0.1:1", "127.0.0.1:1"], "named twice"],
  [[], "no memcached server"],
  [["a:1", "b:99999"], "not the address"],
])("the pool %p is refused", async (servers, words) => {
  await expect(openLargeFiles({ servers })).rejects.toThrow(words);
  await expect(openLargeFiles({ servers: ["a"], distribution: "modula" as "ketama" })).rejects.toThrow(
    "ketama",
  );
});
