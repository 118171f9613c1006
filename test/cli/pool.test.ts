// The commands on a pool of servers: parity, repair, garbage collection, and their exit codes.

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { deleteItem, keysOn } from "../support/memcached-keys.ts";
import { MemcachedServer } from "../support/memcached-server.ts";
import { CAIRN, run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";

test("a file with parity survives a dead server; what parity cannot bring back, repair takes from the file", async () => {
  await using folder = await temporaryFolder();
  await using one = await MemcachedServer.start();
  await using two = await MemcachedServer.start();
  await using three = await MemcachedServer.start();
  const servers = [one, two, three];
  const env = { CAIRN_SERVERS: servers.map(({ address }) => address).join(",") };
  const cairn = (...args: string[]) => run([CAIRN, ...args], { env });
  const bytes = randomBytes(1_234_567);
  await writeFile(folder.at("in"), bytes);
  const stored = await cairn(
    "store",
    "f",
    folder.at("in"),
    "--parity",
    "1",
    "--chunk-size",
    "20000",
    "--json",
  );
  const { version, group } = JSON.parse(stored.stdout);
  expect(group).toBe(2);
  for (const { address } of servers) {
    for (const key of await keysOn(address)) {
      if (/:chunk:.*:[01](\..*)?$/.test(key)) await deleteItem(address, key);
    }
  }
  const evicted = await cairn("retrieve", "f", folder.at("out"));
  expect(evicted).toMatchObject({ code: 5 });
  expect(evicted.output).toContain("2 of 62 chunks were evicted (0, 1), more than parity can bring back");
  const alone = await cairn("repair", "f");
  expect(alone).toMatchObject({ code: 5 });
  expect(alone.output).toContain("cairn repair NAME FILE");
  const repaired = await cairn("repair", "f", folder.at("in"), "--json");
  expect(JSON.parse(repaired.stdout)).toMatchObject({ version, repaired: [0, 1], missing: [] });
  await writeFile(folder.at("other"), randomBytes(1_234_567));
  expect(await cairn("repair", "f", folder.at("other"))).toMatchObject({ code: 0 });
  await two.kill();
  expect(await cairn("retrieve", "f", folder.at("out"))).toMatchObject({ code: 0 });
  expect((await readFile(folder.at("out"))).equals(bytes)).toBe(true);
  expect((await cairn("verify", "f")).stdout).toMatch(/ of 62 chunks were rebuilt by parity/);
  expect(await cairn("store", "g", folder.at("in"))).toMatchObject({ code: 8 });
  expect(await cairn("gc")).toMatchObject({ code: 8 });
}, 30_000);

test("gc counts and removes what a killed store has left", async () => {
  await using server = await MemcachedServer.start();
  const env = { CAIRN_SERVERS: server.address };
  const cairn = (...args: string[]) => run([CAIRN, ...args], { env });
  await using folder = await temporaryFolder();
  await writeFile(folder.at("in"), randomBytes(100_000));
  await cairn("store", "kept", folder.at("in"), "--chunk-size", "10000");
  await cairn("store", "dead", folder.at("in"), "--chunk-size", "10000");
  await deleteItem(server.address, "cairn:file:dead");
  const left = { versions: 1, items: 10 };
  expect(JSON.parse((await cairn("gc", "--json")).stdout)).toEqual({ versions: 0, items: 0, dryRun: false });
  const counted = await cairn("gc", "--json", "--min-age", "0s", "--dry-run");
  expect(JSON.parse(counted.stdout)).toEqual({ ...left, dryRun: true });
  const removed = await cairn("gc", "--json", "--min-age", "0s");
  expect(JSON.parse(removed.stdout)).toEqual({ ...left, dryRun: false });
  expect(await keysOn(server.address)).toHaveLength(11);
  expect(await cairn("verify", "kept")).toMatchObject({ code: 0 });
}, 30_000);

test("what cannot go together is refused", async () => {
  for (const args of [
    ["--remove-first"],
    ["--parity", "17"],
    ["--distribution", "modula"],
    ["--compress", "gzip"],
  ]) {
    const { code } = await run([CAIRN, "store", "f", "package.json", ...args, "--servers", "127.0.0.1:1"]);
    expect(code === 1 || code === 2).toBe(true);
  }
});
