// The fold: what it takes from the ring, and values that only the journal has, which are compared with what was written.

import { expect, test } from "bun:test";
import { openDatabase } from "../../../../src/adapters/sqlite/database.ts";
import { EntryWriter } from "../../../../src/adapters/sqlite/kv/entry-writer.ts";
import { Fold } from "../../../../src/adapters/sqlite/kv/fold.ts";
import { RECORD } from "../../../../src/adapters/sqlite/kv/records.ts";
import { KvRing } from "../../../../src/adapters/sqlite/kv/ring.ts";
import {
  KV_APPLICATION_ID,
  KV_MIGRATIONS,
  prepareStatements,
} from "../../../../src/adapters/sqlite/kv/schema.ts";
import { publish } from "../../../../src/adapters/sqlite/kv/view.ts";
import { isFault } from "../../../../src/wire/faults.ts";
import { temporaryFolder } from "../../../support/temporary.ts";

const HEAD = { flags: 0, exptime: 0, cas: 1, state: 0 };

test("a value of the journal that is not as it was written stops the fold, and nothing of it is done", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/kv.sqlite`;
  const [applicationId, migrations] = [KV_APPLICATION_ID, KV_MIGRATIONS];
  using db = openDatabase({ path, sync: "full", applicationId, migrations });
  const large = Buffer.alloc(200_000, "large");
  const writer = new EntryWriter(RECORD.head);
  for (const [key, value] of [
    ["a", Buffer.from("small")],
    ["b", large],
  ] as const) {
    writer.put(key, HEAD, 0, false, value);
  }
  const { bytes, length } = writer;
  const ring = new KvRing(4_194_304, 0);
  const flushed = () => ring.clear();
  publish({ ring, flushed }, { bytes, at: 0, length, segment: 1, offset: 0, cas: 1 });
  const read = (_segment: number, offset: number, size: number) => bytes.u8.slice(offset, offset + size);
  const changes = ring.changes(1);
  const fold = new Fold(db);
  const sql = prepareStatements(db);

  const damaged = (segment: number, offset: number, size: number) => {
    const value = read(segment, offset, size);
    value[99] = 0;
    return value;
  };
  expect(() => fold.apply(changes, damaged)).toThrow("not as it was written");
  try {
    fold.apply(changes, damaged);
  } catch (error) {
    expect(isFault(error, "corrupt")).toBe(true);
  }
  expect(sql.item.get("a")).toBeNull();
  expect(sql.totals.get()).toMatchObject({ items: 0, folded: 0 });

  expect(fold.apply(changes, read).totals).toMatchObject({ items: 2, bytes: 200_007, folded: 1, cas: 1 });
  expect(Buffer.from(sql.item.get("b")?.value ?? []).equals(large)).toBe(true);
});
