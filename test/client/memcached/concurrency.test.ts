// Several clients on one name: exactly one store wins, and no reader ever sees a mix.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { AlreadyExists, Evicted, openLargeFiles, Replaced } from "../../../src/client/memcached/index.ts";
import { chunksOn } from "../../support/memcached-keys.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";

let server: MemcachedServer;
beforeAll(async () => {
  server = await MemcachedServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

/** All sources begin to yield their end only when every store has passed its first look at the name. */
function barrier(parties: number): () => Promise<void> {
  let waiting = 0;
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  return () => {
    if (++waiting === parties) release();
    return gate;
  };
}

async function* waitingSource(bytes: Uint8Array, gate: () => Promise<void>): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 5_000);
  await gate();
  yield bytes.subarray(5_000);
}

describe.each([1, 2])("over connections: %i", (connections) => {
  const open = () => openLargeFiles({ servers: [server.address], chunkSize: 1_000, connections });

  test("of five stores of one name exactly one wins, and the others leave nothing", async () => {
    for (let round = 0; round < 10; round++) {
      const contents = Array.from({ length: 5 }, () => randomBytes(20_000));
      const gate = barrier(contents.length);
      const clients = await Promise.all(contents.map(open));
      const results = await Promise.allSettled(
        clients.map((files, i) => files.store("one", waitingSource(contents[i]!, gate))),
      );
      const winners = results.flatMap((result, i) => (result.status === "fulfilled" ? [i] : []));
      expect(winners).toHaveLength(1);
      for (const result of results) {
        if (result.status === "rejected") expect(result.reason).toBeInstanceOf(AlreadyExists);
      }
      const files = clients[0]!;
      const winner = contents[winners[0] ?? -1]!;
      expect(Buffer.compare(await (await files.retrieve("one")).bytes(), winner)).toBe(0);
      expect(await chunksOn(server.address)).toHaveLength(20);
      await files.remove("one");
      await Promise.all(clients.map((client) => client.close()));
    }
  });

  test("readers during replacements get one version whole, or Replaced", async () => {
    await using writer = await open();
    await using reader = await open();
    const contents = Array.from({ length: 40 }, (_, i) => Buffer.alloc(30_000, i));
    await writer.store("turn", contents[0]!);
    let writing = true;
    const writes = (async () => {
      for (const bytes of contents.slice(1)) await writer.store("turn", bytes, { replace: true });
      writing = false;
    })();
    let whole = 0;
    while (writing) {
      try {
        const bytes = await (await reader.retrieve("turn")).bytes();
        expect(contents.some((content) => Buffer.compare(content, bytes) === 0)).toBe(true);
        whole++;
      } catch (error) {
        expect(error).toBeInstanceOf(Replaced);
        expect(error).not.toBeInstanceOf(Evicted);
      }
    }
    await writes;
    expect(whole).toBeGreaterThan(0);
    expect(Buffer.compare(await (await reader.retrieve("turn")).bytes(), contents.at(-1)!)).toBe(0);
    expect(await chunksOn(server.address)).toHaveLength(30);
    await writer.remove("turn");
  });

  test("stores that all replace end with one of them, and one version's chunks", async () => {
    await using files = await open();
    const contents = Array.from({ length: 6 }, () => randomBytes(10_000));
    await Promise.all(contents.map((bytes) => files.store("all", bytes, { replace: true })));
    const bytes = await (await files.retrieve("all")).bytes();
    expect(contents.some((content) => Buffer.compare(content, bytes) === 0)).toBe(true);
    expect(await chunksOn(server.address)).toHaveLength(10);
    await files.remove("all");
  });
});
