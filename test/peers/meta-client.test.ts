// A client under plain Node that uses meta commands only, against the server and against memcached.

import { expect, test } from "bun:test";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { MemcachedServer } from "../support/memcached-server.ts";
import { serveKv } from "../support/memcached-wire.ts";
import { run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";

const CLIENT = new URL("meta-client.mjs", import.meta.url).pathname;

async function play(port: number): Promise<void> {
  const { code, output } = await run(["node", CLIENT, String(port)]);
  expect(output).toContain("all passed");
  expect(code).toBe(0);
}

test("a client of meta commands only works", async () => {
  await using folder = await temporaryFolder();
  const clock = new ManualClock();
  const kv = SqliteKv.open({ path: folder.at("kv.sqlite"), sync: "full", rules: createRules(), clock });
  await using server = serveKv({ kv, clock });
  await play(server.port);
}, 30_000);

test("the same client works with memcached itself", async () => {
  await using memcached = await MemcachedServer.start();
  await play(memcached.port);
}, 30_000);
