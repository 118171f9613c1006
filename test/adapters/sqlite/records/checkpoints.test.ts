// The log of records is copied into their database beside the commits, and begins anew.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { openRecordsDatabase } from "../../../../src/adapters/sqlite/records/database.ts";
import { temporaryFolder } from "../../../support/temporary.ts";
import { until } from "../../../support/until.ts";

const INSERT = "INSERT INTO blobs (id, bytes) VALUES (?, ?)";

test("what is committed is copied while commits go on, and the log stays short", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("records.sqlite");
  const store = openRecordsDatabase({ path, sync: "normal", takesUploads: true });
  const { db, commits } = store;
  const bytes = Buffer.alloc(3_000);
  let count = 0;
  const insert = () => commits.run(() => db.query(INSERT).run(`b${count++}`, bytes));
  let begunAnew = 0;
  let before = 0;
  // Without checkpoints the log would grow with every commit, and the database would stay empty.
  await until("the log began anew five times", async () => {
    for (let i = 0; i < 100; i++) await insert();
    // The salt of the log's header counts how often it began.
    const salt = (await Bun.file(`${path}-wal`).slice(12, 16).bytes()).toHex();
    const salted = Number.parseInt(salt, 16);
    if (salted !== before) begunAnew++;
    before = salted;
    return begunAnew > 5;
  });
  // So many commits write 25 KB each.
  expect(statSync(`${path}-wal`).size).toBeLessThan((count * 25_000) / 2);
  await store.close();
  expect(existsSync(`${path}-wal`)).toBe(false);
  using closed = new Database(path, { readonly: true });
  expect(closed.query("SELECT count(*) stored FROM blobs").get()).toEqual({ stored: count });
});

test("a store that is closed while its log is copied loses nothing", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("records.sqlite");
  const store = openRecordsDatabase({ path, sync: "normal", takesUploads: true });
  const { db, commits } = store;
  const all: Promise<unknown>[] = [];
  // One commit of so many works makes a checkpoint due.
  for (let i = 0; i < 50_000; i++)
    all.push(commits.run(() => db.query(INSERT).run(`b${i}`, Buffer.alloc(9))));
  await all[0];
  const last = commits.run(() => db.query(INSERT).run("last", Buffer.alloc(9)));
  await store.close();
  await Promise.all([...all, last]);
  using closed = new Database(path, { readonly: true });
  expect(closed.query("SELECT count(*) stored FROM blobs").get()).toEqual({ stored: 50_001 });
});
