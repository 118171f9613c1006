// Several connections to one server: chunks go over all of them, and what one of them loses is cleaned up behind all of them.

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { openLargeFiles, ServerUnreachable } from "../../../src/client/memcached/index.ts";
import { Window } from "../../../src/client/memcached/window.ts";
import { keysOn } from "../../support/memcached-keys.ts";
import { fragile } from "../../support/memcached-proxy.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";
import { until } from "../../support/until.ts";

const failure = (promise: Promise<unknown>) => promise.then(() => undefined).catch((error: unknown) => error);

test("as many are opened as were asked for, and all sizes come back over them", async () => {
  await using server = await MemcachedServer.start();
  for (const connections of [1, 2, 3]) {
    await using proxy = await fragile(server.address);
    await using files = await openLargeFiles({ servers: [proxy.address], chunkSize: 1_000, connections });
    for (const size of [0, 1, 999, 1_000, 1_001, 250_007]) {
      const bytes = randomBytes(size);
      await files.store("f", bytes, { replace: true, parity: 1 });
      expect(Buffer.compare(await (await files.retrieve("f")).bytes(), bytes)).toBe(0);
    }
    expect(proxy.connections).toBe(connections);
    await files.remove("f");
    expect(await keysOn(server.address)).toEqual([]);
  }
});

test.each([0, 1, 2])("when number %i is cut in the middle of a store, nothing stays", async (which) => {
  await using server = await MemcachedServer.start();
  await using proxy = await fragile(server.address);
  await using files = await openLargeFiles({ servers: [proxy.address], chunkSize: 10_000, connections: 3 });
  const bytes = randomBytes(10_000);
  async function* source() {
    for (let i = 0; i < 200; i++) {
      if (i === 50) await until("three connections", () => proxy.connections === 3);
      // Nothing was read from a socket since then: every connection owes replies.
      if (i === 100) proxy.cut(which);
      yield bytes;
    }
  }
  expect(await failure(files.store("f", source()))).toBeInstanceOf(ServerUnreachable);
  expect(await keysOn(server.address)).toEqual([]);
  await files.store("f", randomBytes(50_000));
  expect((await files.verify("f")).chunks).toBe(5);
});

test.each([0, 1.5, 17])("%p connections are refused", async (connections) => {
  const attempt = openLargeFiles({ servers: ["127.0.0.1:1"], connections });
  expect(await failure(attempt)).toMatchObject({ code: "invalid" });
});

test("settling waits also for what a drain that nobody waits for any more had begun to await", async () => {
  const window = new Window(4);
  let end: () => void = () => undefined;
  let ended = false;
  await window.add(() => new Promise<void>((resolve) => (end = resolve)).then(() => (ended = true)));
  const draining = window.drain();
  const settled = window.settle().then(() => ended);
  end();
  expect(await settled).toBe(true);
  await draining;
});
