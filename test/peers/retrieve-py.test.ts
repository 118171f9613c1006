// examples/retrieve.py, a reader of docs/formats.md that shares no code with us: what we store is what is written there.

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { PYTHON } from "../../scripts/peers.ts";
import { openLargeFiles } from "../../src/client/memcached/index.ts";
import { withItemLimit } from "../support/memcached-proxy.ts";
import { memcachedRequest } from "../support/memcached-request.ts";
import { startMemcached } from "../support/memcached-server.ts";
import { ROOT } from "../support/processes.ts";

async function retrieve(address: string, name: string) {
  const script = Bun.spawn([PYTHON, `${ROOT}examples/retrieve.py`, address, name], { stderr: "pipe" });
  const [bytes, error] = await Promise.all([
    new Response(script.stdout).bytes(),
    new Response(script.stderr).text(),
  ]);
  return { code: await script.exited, bytes, error };
}

test("files of every shape are read by the description alone", async () => {
  await using server = await startMemcached();
  await using files = await openLargeFiles({ servers: [server.address], chunkSize: 1_000 });
  for (const [name, size, options] of [
    ["empty", 0, {}],
    ["one", 1, {}],
    ["name with spaces: größer als ein Schlüssel", 2_500, {}],
    ["many", 200_003, { parity: 2 }],
  ] as const) {
    const bytes = randomBytes(size);
    await files.store(name, bytes, options);
    const read = await retrieve(server.address, name);
    expect([name, read.error, read.code]).toEqual([name, "", 0]);
    expect(Buffer.compare(read.bytes, bytes)).toBe(0);
  }
});

test("a table that stands in parts", async () => {
  await using server = await startMemcached();
  await using tight = await withItemLimit(server.address, 4_096);
  await using files = await openLargeFiles({ servers: [tight.address], chunkSize: 50 });
  const bytes = randomBytes(50_001);
  const { version } = await files.store("a", bytes);
  expect(await memcachedRequest(server.address, `get cairn:chunk:${version}:m1\r\n`)).toStartWith("VALUE");
  const read = await retrieve(server.address, "a");
  expect([read.error, Buffer.compare(read.bytes, bytes)]).toEqual(["", 0]);
});

test("lost and damaged chunks are rebuilt by the formula that stands there; one more is an error", async () => {
  await using server = await startMemcached();
  await using files = await openLargeFiles({ servers: [server.address], chunkSize: 1_000 });
  const bytes = randomBytes(20_500);
  const { version } = await files.store("f", bytes, { parity: 3 });
  const key = (slot: string | number) => `cairn:chunk:${version}:${slot}`;
  await memcachedRequest(server.address, `delete ${key(0)}\r\n`);
  await memcachedRequest(server.address, `set ${key(7)} 0 0 3\r\nbad\r\n`);
  await memcachedRequest(server.address, `delete ${key(20)}\r\n`);
  await memcachedRequest(server.address, `delete ${key("p1")}\r\n`);
  const read = await retrieve(server.address, "f");
  expect([read.error, read.code]).toEqual(["", 0]);
  expect(Buffer.compare(read.bytes, bytes)).toBe(0);
  for (const slot of [1, 2]) await memcachedRequest(server.address, `delete ${key(slot)}\r\n`);
  expect(await retrieve(server.address, "f")).toMatchObject({
    code: 1,
    error: expect.stringContaining("is missing"),
  });
});
