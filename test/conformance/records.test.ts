// Every adapter of records against the suite.

import { expect, test } from "bun:test";
import { MemoryRecords } from "../../src/adapters/memory/records.ts";
import { openByteStores, temporaryByteStores } from "../support/byte-stores.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { recordsSuite, uploadRecord } from "./records.suite.ts";

recordsSuite("memory", async () => ({
  records: new MemoryRecords(),
  [Symbol.asyncDispose]: async () => undefined,
}));
recordsSuite("sqlite", temporaryByteStores);

test("sqlite: two processes see each other's changes, and one of two replacements wins", async () => {
  await using folder = await temporaryFolder();
  await using one = await openByteStores(folder.path);
  await using two = await openByteStores(folder.path, false);
  await one.records.insert("uploads", uploadRecord("a"));
  expect((await two.records.get("uploads", "a"))?.version).toBe(1);
  const results = await Promise.allSettled([
    one.records.replace("uploads", uploadRecord("a", { name: "one" })),
    two.records.replace("uploads", uploadRecord("a", { name: "two" })),
  ]);
  expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
});
