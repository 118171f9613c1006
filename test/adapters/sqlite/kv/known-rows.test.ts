// Rows that a fold knows from the ones before: what it writes and counts is right whatever became of them.

import { expect, test } from "bun:test";
import { openDatabase } from "../../../../src/adapters/sqlite/database.ts";
import { FLUSH, hashOf } from "../../../../src/adapters/sqlite/kv/entries.ts";
import { EntryWriter } from "../../../../src/adapters/sqlite/kv/entry-writer.ts";
import { Fold } from "../../../../src/adapters/sqlite/kv/fold.ts";
import { KnownRows } from "../../../../src/adapters/sqlite/kv/known-rows.ts";
import { RECORD } from "../../../../src/adapters/sqlite/kv/records.ts";
import { KvRing } from "../../../../src/adapters/sqlite/kv/ring.ts";
import { KV_APPLICATION_ID, KV_MIGRATIONS, SIZE } from "../../../../src/adapters/sqlite/kv/schema.ts";
import { ValueFile } from "../../../../src/adapters/sqlite/kv/value-file.ts";
import { publish } from "../../../../src/adapters/sqlite/kv/view.ts";
import { seededRandom } from "../../../../src/cli/generate/random.ts";
import { temporaryFolder } from "../../../support/temporary.ts";

test("a row is known until another takes its place, it is forgotten, or all are", () => {
  const known = new KnownRows(0);
  const [hash, sameSlot] = [0x7123_4567, 0x3123_4567];
  expect(known.id(hash)).toBe(0);
  known.note(hash, 7, 100);
  expect([known.id(hash), known.size(hash), known.id(sameSlot)]).toEqual([7, 100, 0]);
  known.note(hash, 2 ** 31, 100);
  expect(known.id(hash)).toBe(0);
  known.note(hash, 8, 131_072);
  expect(known.id(hash)).toBe(0);
  known.note(-5, 2 ** 31 - 1, 131_071);
  expect([known.id(-5), known.size(-5)]).toEqual([2 ** 31 - 1, 131_071]);
  known.note(hash, 8, 0);
  known.note(sameSlot, 9, 1);
  expect([known.id(hash), known.id(sameSlot)]).toEqual([0, 9]);
  known.forget(sameSlot);
  expect(known.id(sameSlot)).toBe(0);
  known.clear();
  expect(known.id(-5)).toBe(0);
});

const NOW = 1_000;

interface Stored {
  /** Of the value; of one that is a file, what is told of it. */
  readonly size: number;
  readonly cas: number;
  readonly expires: boolean;
}

test("random changes over many folds, with keys of one hash, flushes, sweeps and folds that fail", async () => {
  await using folder = await temporaryFolder();
  const [applicationId, migrations] = [KV_APPLICATION_ID, KV_MIGRATIONS];
  const path = `${folder.path}/kv.sqlite`;
  using db = openDatabase({ path, sync: "normal", applicationId, migrations });
  const fold = new Fold(db);
  const random = seededRandom(11);
  const pairs = collidingKeys(4);
  const keys = [...pairs, ...Array.from({ length: 200 }, (_, i) => `key-${i}`)];
  const ring = new KvRing(33_554_432, 0);
  const model = new Map<string, Stored>();
  const rows = db.query<{ key: string; size: number; cas: number }, []>(
    `SELECT key, ${SIZE} AS size, cas FROM items ORDER BY key`,
  );
  let cas = 0;
  for (let segment = 1; segment <= 80; segment++) {
    const writer = new EntryWriter(RECORD.head);
    if (random.below(15) === 0) {
      writer.note(FLUSH);
      model.clear();
    }
    for (let i = random.below(150); i >= 0; i--) {
      const key = keys[random.below(keys.length)] as string;
      const size = random.below(20) === 0 ? 70_000 : ([0, 1, 100, 512, 513][random.below(5)] as number);
      const expires = random.below(10) === 0;
      const head = { flags: 0, exptime: expires ? NOW : 0, cas: ++cas, state: 0 };
      const what = random.below(10);
      if (what === 0) {
        writer.remove(key);
        model.delete(key);
        continue;
      }
      if (what === 1) {
        const name = cas.toString(16).padStart(32, "0");
        writer.putSpooled(key, head, 0, false, new ValueFile("", name, size, 0).description);
      } else {
        writer.put(key, head, 0, false, Buffer.alloc(size, key));
      }
      model.set(key, { size, cas, expires });
    }
    const { bytes, length } = writer;
    const flushed = () => ring.clear();
    publish({ ring, flushed }, { bytes, at: 0, length, segment, offset: 0, cas });
    const far = (_segment: number, offset: number, size: number) => bytes.u8.slice(offset, offset + size);
    const changes = ring.changes(segment);
    if (random.below(3) === 0) failAfter(random.below(5), fold, changes, far);
    fold.apply(changes, far);
    ring.folded(segment);
    if (random.below(10) === 0) {
      fold.sweep(NOW, 1_000);
      for (const [key, { expires }] of model) if (expires) model.delete(key);
    }
    const expected = [...model].map(([key, { size, cas }]) => ({ key, size, cas }));
    expect(rows.all()).toEqual(expected.sort((one, other) => (one.key < other.key ? -1 : 1)));
    const total = expected.reduce((sum, { key, size }) => sum + key.length + size, 0);
    const totals = db.query("SELECT items, bytes FROM totals").get();
    expect(totals).toEqual({ items: expected.length, bytes: total });
  }
});

/** Applies the changes with a disk that fails at one of the values that only the journal has, if there are so many; else a fold is repeated. */
function failAfter(reads: number, fold: Fold, ...[changes, far]: Parameters<Fold["apply"]>): void {
  let left = reads;
  try {
    fold.apply(changes, (...place) => {
      if (left-- === 0) throw new Error("the disk failed");
      return far(...place);
    });
  } catch (error) {
    if (left >= 0) throw error;
  }
}

/** So many pairs of keys whose hashes are the same. */
function collidingKeys(pairs: number): string[] {
  const seen = new Map<number, string>();
  const found: string[] = [];
  for (let i = 0; found.length < 2 * pairs; i++) {
    const key = `k${i}`;
    const other = seen.get(hashOf(key));
    if (other === undefined) seen.set(hashOf(key), key);
    else found.push(other, key);
  }
  return found;
}
