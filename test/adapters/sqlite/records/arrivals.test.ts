// Small uploads in memory and their journal: what a crash leaves, what outgrows memory, and works that fail beside others.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { fileRecord, uploadRecord } from "../../../conformance/records.suite.ts";
import type { ByteStores } from "../../../support/byte-stores.ts";
import { openByteStores } from "../../../support/byte-stores.ts";
import { codeOf, readAll, sha256 } from "../../../support/bytes.ts";
import { failureOf } from "../../../support/failure.ts";
import { temporaryFolder } from "../../../support/temporary.ts";

/** Begins an upload of `text`, whose first half is there. */
async function beginHalf({ staging, records }: ByteStores, id: string, text: string) {
  const staged = await staging.create({ size: text.length });
  const half = text.length >> 1;
  const record = uploadRecord(id, { staging: staged, size: text.length, coverage: [] });
  await records.insert("uploads", record);
  const [, known] = await Promise.all([
    staging.write(staged, 0, Buffer.from(text.slice(0, half))),
    records.replace("uploads", { ...record, coverage: [[0, half]], updatedAt: 7 }),
  ]);
  return known;
}

/** What a killed process would leave: the files as they are, without anything being closed. */
async function openCopy(from: string, to: string): Promise<ByteStores> {
  for (const end of ["", "-wal"]) cpSync(`${from}/records.sqlite${end}`, `${to}/records.sqlite${end}`);
  return openByteStores(to);
}

test("after a crash everything acknowledged is there, and nothing that ended", async () => {
  await using folder = await temporaryFolder();
  await using copy = await temporaryFolder();
  await using stores = await openByteStores(folder.path);
  const kept = await beginHalf(stores, "kept", "0123456789");
  const finished = await beginHalf(stores, "finished", "abcdefghij");
  const removed = await beginHalf(stores, "removed", "ABCDEFGHIJ");
  const file = fileRecord("f", { blob: finished.staging, size: 5 });
  const ended = { ...finished, state: "finished", fileId: "f" } as const;
  await stores.records.finish(file, ended, { forget: true, commits: {} });
  await stores.records.remove("uploads", "removed", removed.version);
  await stores.staging.discard(removed.staging);

  await using after = await openCopy(folder.path, copy.path);
  expect(await after.records.get("uploads", "kept")).toEqual(kept);
  expect(String(await readAll(after.staging.read(kept.staging, { start: 0, end: 5 })))).toBe("01234");
  expect(await Array.fromAsync(after.staging.list())).toEqual([kept.staging]);
  expect((await after.records.page("uploads", { limit: 5 })).records).toEqual([kept]);
  expect(String(await readAll(await after.blobs.open(finished.staging)))).toBe("abcde");
  expect(await after.records.get("files", "f")).toEqual(file);
});

test("an upload that goes into the tables between two chunks goes on there", async () => {
  await using folder = await temporaryFolder();
  await using stores = await openByteStores(folder.path);
  const { records, staging } = stores;
  const known = await beginHalf(stores, "a", "0123456789");
  expect((await records.page("uploads", { limit: 5 })).records).toEqual([known]);
  await Promise.all([
    staging.write(known.staging, 5, Buffer.from("56789")),
    records.replace("uploads", { ...known, coverage: [[0, 10]] }),
  ]);
  expect((await records.get("uploads", "a"))?.coverage).toEqual([[0, 10]]);
  await staging.commit(known.staging, 10);
  expect(String(await readAll(await stores.blobs.open(known.staging)))).toBe("0123456789");
});

test("memory and journal are bounded: what is more becomes rows, and all of it stays readable", async () => {
  await using folder = await temporaryFolder();
  await using copy = await temporaryFolder();
  await using stores = await openByteStores(folder.path);
  const textOf = (i: number) => `${i} `.repeat(4_000);
  const begun = [];
  for (let i = 0; i < 250; i++) begun.push(await beginHalf(stores, `u${i}`, textOf(i)));
  using db = new Database(`${folder.path}/records.sqlite`, { readonly: true });
  const { journal } = db
    .query<{ journal: number }, []>("SELECT sum(length(entries) + length(bytes)) journal FROM arrivals")
    .get() as { journal: number };
  expect(journal).toBeLessThan(1_200_000);
  const { rows } = db.query<{ rows: number }, []>("SELECT count(*) rows FROM uploads").get() as {
    rows: number;
  };
  expect(rows).toBeGreaterThan(50);
  expect(rows).toBeLessThan(250);
  await using after = await openCopy(folder.path, copy.path);
  for (const one of [stores, after]) {
    for (const [i, record] of begun.entries()) {
      expect(await one.records.get("uploads", record.id)).toEqual(record);
      const half = textOf(i).length >> 1;
      const staged = String(await readAll(one.staging.read(record.staging, { start: 0, end: half })));
      expect(staged).toBe(textOf(i).slice(0, half));
    }
  }
});

test("a work that fails takes nothing with it of those that share its transaction", async () => {
  await using folder = await temporaryFolder();
  await using copy = await temporaryFolder();
  await using stores = await openByteStores(folder.path);
  const { records, staging } = stores;
  const known = await beginHalf(stores, "a", "0123456789");
  const results = await Promise.all([
    codeOf(staging.write("s-nobody", 0, Buffer.from("x"))),
    codeOf(records.replace("uploads", { ...known, version: 9 })),
    staging.write(known.staging, 5, Buffer.from("56")),
    records.replace("uploads", { ...known, coverage: [[0, 7]] }),
    codeOf(records.insert("uploads", known)),
  ]);
  expect([results[0], results[1], results[4]]).toEqual(["not-found", "conflict", "exists"]);
  await using after = await openCopy(folder.path, copy.path);
  for (const one of [stores, after]) {
    expect(await one.records.get("uploads", "a")).toMatchObject({ version: 3, coverage: [[0, 7]] });
    expect(String(await readAll(one.staging.read(known.staging, { start: 0, end: 7 })))).toBe("0123456");
  }
});

test("bytes and the ledger that lists them come together or not at all, in memory and in the tables", async () => {
  await using folder = await temporaryFolder();
  await using copy = await temporaryFolder();
  await using stores = await openByteStores(folder.path);
  const { records } = stores;
  const piece = (start: number, text: string) => [{ start, bytes: Buffer.from(text) }];
  for (const id of ["memory", "tables"]) {
    const known = await beginHalf(stores, id, "0123456789");
    if (id === "tables") await records.page("uploads", { limit: 1 });
    const listed = { ...known, coverage: [[0, 7]] as const };
    const results = await Promise.all([
      codeOf(records.replace("uploads", { ...listed, version: 9 }, undefined, piece(0, "XXXXX"))),
      codeOf(records.replace("uploads", { ...listed, staging: "s-nobody" }, undefined, piece(0, "XXXXX"))),
      records.replace("uploads", listed, undefined, piece(5, "56")),
    ]);
    expect(results.slice(0, 2)).toEqual(["conflict", "not-found"]);
    await using after = await openCopy(folder.path, copy.path);
    for (const one of [stores, after]) {
      expect(await one.records.get("uploads", id)).toEqual({ ...listed, version: 3 });
      expect(String(await readAll(one.staging.read(known.staging, { start: 0, end: 7 })))).toBe("0123456");
    }
  }
});

test("the digest of what is staged with what was not", async () => {
  await using folder = await temporaryFolder();
  await using stores = await openByteStores(folder.path);
  const { staging } = stores;
  const known = await beginHalf(stores, "a", "0123456789");
  const last = { start: 5, bytes: Buffer.from("56789") };
  expect(await staging.digest(known.staging, 10, last)).toBe(sha256("0123456789"));
  expect(await codeOf(staging.digest(known.staging, 10))).toBe("corrupt");
});

test("a second process that takes uploads is refused; others may read", async () => {
  await using folder = await temporaryFolder();
  await using stores = await openByteStores(folder.path);
  await stores.records.insert("files", fileRecord("f"));
  expect(await failureOf(openByteStores(folder.path))).toMatchObject({ code: "conflict" });
  await using reader = await openByteStores(folder.path, false);
  expect(await reader.records.get("files", "f")).toEqual(fileRecord("f"));
});
