// What segments of the journal come to: the last change of each key, in the order of the bytes of the keys.

import { describe, expect, test } from "bun:test";
import { EntryBytes, FLUSH, FLUSH_AT, REMOVE } from "../../../../src/adapters/sqlite/kv/entries.ts";
import { EntryWriter } from "../../../../src/adapters/sqlite/kv/entry-writer.ts";
import { lastChanges } from "../../../../src/adapters/sqlite/kv/outcome.ts";
import { RECORD } from "../../../../src/adapters/sqlite/kv/records.ts";
import { KvRing } from "../../../../src/adapters/sqlite/kv/ring.ts";
import type { Changes } from "../../../../src/adapters/sqlite/kv/unfolded.ts";
import { publish } from "../../../../src/adapters/sqlite/kv/view.ts";
import { seededRandom } from "../../../../src/cli/generate/random.ts";

const head = { flags: 0, exptime: 0, cas: 1, state: 0 };

/** Commits the changes as one record of the segment. */
function commit(ring: KvRing, segment: number, changes: (writer: EntryWriter) => void): void {
  const writer = new EntryWriter(RECORD.head);
  changes(writer);
  const { bytes, length } = writer;
  publish({ ring, flushed: () => ring.clear() }, { bytes, at: 0, length, segment, offset: 0, cas: segment });
}

/** The keys and values that a fold would write; undefined: the key is removed. */
function foldOf(changes: Changes): [string, string | undefined][] {
  const bytes = new EntryBytes(changes.memory);
  return [...lastChanges(bytes, changes)].map((place) => {
    const at = place * 8;
    const value = bytes.kind(at) === REMOVE ? undefined : Buffer.from(bytes.value(at)).toString();
    return [bytes.key(at), value];
  });
}

/** Of these changes alone. */
function outcomeOf(changes: (writer: EntryWriter) => void): [string, string | undefined][] {
  const ring = new KvRing(33_554_432, 0);
  commit(ring, 1, changes);
  return foldOf(ring.changes(1));
}

function put(writer: EntryWriter, key: string, value: string): void {
  writer.put(key, head, 0, false, Buffer.from(value));
}

const inOrder = (keys: Iterable<string>) =>
  [...keys].sort((one, other) => Buffer.compare(Buffer.from(one, "latin1"), Buffer.from(other, "latin1")));

describe("the outcome of segments", () => {
  const random = seededRandom(5);
  const alphabets: Record<string, () => string> = {
    numbers: () => String(random.below(100_000)).padStart(10, "0"),
    "any bytes, also zeros": () =>
      Array.from({ length: random.below(8) }, () =>
        String.fromCharCode([0, 1, 97, 255][random.below(4)] ?? 0),
      ).join(""),
    "long ones that differ at their ends": () => `${"p".repeat(230)}${random.below(4_000)}`,
    "one is the beginning of the next": () => "a".repeat(random.below(251)),
    "a zero more or less": () => `k${"\0".repeat(random.below(250))}`,
  };
  for (const [name, make] of Object.entries(alphabets)) {
    test(`keys in order, each once: ${name}`, () => {
      const model = new Map<string, string | undefined>();
      const found = outcomeOf((writer) => {
        for (let i = 0; i < 20_000; i++) {
          const key = make();
          const value = random.below(10) === 0 ? undefined : String(i);
          model.set(key, value);
          if (value === undefined) writer.remove(key);
          else put(writer, key, value);
        }
      });
      expect(found.map(([key]) => key)).toEqual(inOrder(model.keys()));
      expect(new Map(found)).toEqual(model);
    });
  }

  test("keys whose hashes are equal stay apart", () => {
    const keys = Array.from({ length: 50 }, (_, i) => `k${i % 25}`);
    const found = outcomeOf((writer) => {
      for (const key of keys) put(writer, key, key);
      for (let at: number = RECORD.head; at < writer.length; at += 48) writer.bytes.i32[at >> 2] = 77;
    });
    expect(found.map(([key]) => key)).toEqual(inOrder(new Set(keys)));
  });

  test("what stood before a flush is gone, and a flush that waits is told", () => {
    const ring = new KvRing(4_194_304, 0);
    commit(ring, 1, (writer) => put(writer, "older", "0"));
    commit(ring, 2, (writer) => {
      put(writer, "old", "1");
      writer.note(FLUSH_AT, 5);
      writer.note(FLUSH);
      put(writer, "new", "2");
    });
    expect(ring.unfolded.flushedIn).toBe(2);
    const changes = ring.changes(2);
    expect(foldOf(changes)).toEqual([["new", "2"]]);
    expect(changes).toMatchObject({ flushed: true, flushAt: 0, cas: 2, after: 0, last: 2 });
    ring.folded(2);
    commit(ring, 3, (writer) => writer.note(FLUSH_AT, 12));
    expect(ring.changes(3)).toMatchObject({ flushed: false, flushAt: 12, cas: 3 });
  });

  test("a fold under way reads what it was given, whatever is flushed and written meanwhile", () => {
    const ring = new KvRing(4_194_304, 0);
    commit(ring, 1, (writer) => put(writer, "a", "1"));
    const changes = ring.changes(1);
    commit(ring, 2, (writer) => {
      writer.note(FLUSH);
      for (let i = 0; i < 1_000; i++) put(writer, `other${i}`, "x".repeat(i));
    });
    expect(foldOf(changes)).toEqual([["a", "1"]]);
    expect(ring.find("a")).toBe(-1);
  });

  test("changes of later segments, use, and what is remembered do not change a fold", () => {
    const random = seededRandom(23);
    const ring = new KvRing(1_048_576, 0);
    /** By segment, what it changed. */
    const written = new Map<number, Map<string, string | undefined>>();
    let segment = 1;
    let folded = 0;
    for (let step = 0; step < 6_000; step++) {
      const changed = written.get(segment) ?? new Map<string, string | undefined>();
      written.set(segment, changed);
      commit(ring, segment, (writer) => {
        for (let i = random.below(12); i >= 0; i--) {
          const key = `k${random.below(300)}`;
          // Lengths that are often the same, so that some are written over their older ones.
          const value = random.below(9) === 0 ? undefined : `${step}`.padEnd(8 * random.below(40), ".");
          changed.set(key, value);
          if (value === undefined) writer.remove(key);
          else put(writer, key, value);
        }
      });
      const used = ring.find(`k${random.below(300)}`);
      if (used >= 0) ring.fetch(used, 1e12);
      if (random.below(4) === 0) {
        const key = `r${random.below(300)}`;
        if (ring.find(key) < 0) ring.remember(key, { ...head, value: Buffer.alloc(random.below(900)) }, 0);
      }
      if (random.below(12) === 0) segment++;
      if (segment - folded < 5 && ring.room > 200_000) continue;
      const last = folded + 1 + random.below(segment - folded - 1 || 1);
      const model = new Map<string, string | undefined>();
      for (let one = folded + 1; one <= last; one++) {
        for (const [key, value] of written.get(one) ?? []) model.set(key, value);
      }
      const found = foldOf(ring.changes(last));
      expect(found.map(([key]) => key)).toEqual(inOrder(model.keys()));
      expect(new Map(found)).toEqual(model);
      ring.folded(last);
      folded = last;
      segment = Math.max(segment, folded + 1);
    }
    expect(folded).toBeGreaterThan(300);
  });
});
