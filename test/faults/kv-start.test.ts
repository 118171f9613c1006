// Files that a server cannot serve: each is a clear error that names the file, and the file stays as it was.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { Cairn } from "../support/cairn.ts";
import { CAIRN, run } from "../support/processes.ts";
import { diskTest, smallDisk } from "../support/small-disk.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";

function serve(database: string) {
  const ports = ["memcached", "http", "image", "merge"].flatMap((door) => [`--${door}-port`, "off"]);
  return run([CAIRN, "serve", database, ...ports, "--workers", "0"]);
}

async function stored(folder: TemporaryFolder): Promise<string> {
  const database = folder.at("cairn.sqlite");
  await using _cairn = await Cairn.start({ database, flags: ["--workers", "0"] });
  return database;
}

test("a damaged file is refused, with the check to run", async () => {
  await using folder = await temporaryFolder();
  const database = await stored(folder);
  const damaged = readFileSync(database);
  damaged.fill(0x5a, 0, 60);
  writeFileSync(database, damaged);
  const { code, output } = await serve(database);
  expect(code).toBe(6);
  expect(output).toMatch(/cairn\.sqlite is not a sound SQLite database[\s\S]*cairn check/);
  expect(readFileSync(database).equals(damaged)).toBe(true);
});

test("a file that is served already is refused", async () => {
  await using folder = await temporaryFolder();
  const database = folder.at("cairn.sqlite");
  await using _cairn = await Cairn.start({ database, flags: ["--workers", "0"] });
  const { code, output } = await serve(database);
  expect(code).toBe(1);
  expect(output).toMatch(/cairn\.sqlite is already served by another process/);
});

test("a file that another program has locked is refused, after a while", async () => {
  await using folder = await temporaryFolder();
  const database = await stored(folder);
  const other = new Database(database);
  other.run("PRAGMA locking_mode = EXCLUSIVE");
  other.run("BEGIN EXCLUSIVE");
  const { code, output } = await serve(database);
  other.close();
  expect(code).toBe(1);
  expect(output).toMatch(/cairn\.sqlite is locked by another process/);
}, 30_000);

diskTest("a read-only file is refused", async () => {
  await using folder = await smallDisk("8m");
  const database = await stored(folder);
  Bun.spawnSync(["mount", "-o", "remount,ro", folder.path]);
  const { code, output } = await serve(database);
  expect(code).toBe(11);
  expect(output).toMatch(/cairn\.sqlite(\.lock)? cannot be opened for writing/);
});
