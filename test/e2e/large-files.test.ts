// 50 MB of random bytes through the command line, into Cairn and into stock memcached, and back.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { Cairn } from "../support/cairn.ts";
import { figure, timed } from "../support/figures.ts";
import { startMemcached } from "../support/memcached-server.ts";
import { CAIRN, run } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";

const SIZE = 52_428_800;
let folder: TemporaryFolder;
let digest: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  const bytes = randomBytes(SIZE);
  digest = createHash("sha256").update(bytes).digest("hex");
  await Bun.write(folder.at("in.bin"), bytes);
});
afterAll(() => folder[Symbol.asyncDispose]());

test("50 MB through stock memcached", async () => {
  await using memcached = await startMemcached();
  await roundTrip("stock memcached", memcached.address);
});

test("50 MB through Cairn, also after a restart", async () => {
  const database = folder.at("cairn.sqlite");
  {
    await using cairn = await Cairn.start({ database });
    await roundTrip("Cairn", cairn.memcached);
    expect((await cairn.stop()).code).toBe(0);
  }
  await using again = await Cairn.start({ database });
  await retrieve(again.memcached, "again.bin");
});

async function roundTrip(what: string, server: string): Promise<void> {
  const stored = await timed(() => run([CAIRN, "store", "big", folder.at("in.bin"), "--servers", server]));
  expect(stored.result.output).toBe("");
  expect(stored.result.code).toBe(0);
  const seconds = await retrieve(server, "out.bin");
  figure(`50 MB through ${what}`, `store ${stored.seconds.toFixed(2)} s, retrieve ${seconds.toFixed(2)} s`);

  const again = await run([CAIRN, "store", "big", folder.at("in.bin"), "--servers", server]);
  expect([again.code, again.output]).toEqual([4, expect.stringContaining("already exists")]);
  const missing = await run([CAIRN, "retrieve", "other", folder.at("other.bin"), "--servers", server]);
  expect(missing.code).toBe(3);
  expect(existsSync(folder.at("other.bin"))).toBe(false);
}

async function retrieve(server: string, name: string): Promise<number> {
  const { result, seconds } = await timed(() =>
    run([CAIRN, "retrieve", "big", folder.at(name), "--servers", server]),
  );
  expect(result.output).toBe("");
  expect(result.code).toBe(0);
  const bytes = await Bun.file(folder.at(name)).bytes();
  expect(bytes.length).toBe(SIZE);
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(digest);
  return seconds;
}
