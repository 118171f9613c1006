// What segments of the journal come to: the last change of each key, in the order of the bytes of the keys.

import { describe, expect, test } from "bun:test";
import { EntryBytes, EntryWriter, FLUSH, FLUSH_AT, REMOVE } from "../../../src/adapters/sqlite/kv-entries.ts";
import { Outcome } from "../../../src/adapters/sqlite/kv-outcome.ts";
import { RECORD } from "../../../src/adapters/sqlite/kv-records.ts";
import { seededRandom } from "../../../src/cli/generate/random.ts";

const noValues = {
  stored: () => {
    throw new Error("no value is large here");
  },
};

const head = { flags: 0, exptime: 0, cas: 1, state: 0 };

/** The keys and values of the outcome of these changes; undefined: the key is removed. */
function outcomeOf(changes: (writer: EntryWriter) => void): [string, string | undefined][] {
  const writer = new EntryWriter(RECORD.head);
  changes(writer);
  const bytes = new EntryBytes(writer.length);
  bytes.u8.set(writer.bytes.u8.subarray(0, writer.length));
  const outcome = new Outcome(bytes, noValues);
  outcome.take({ bytes, at: 0, length: writer.length, cas: 7 });
  expect(outcome.cas).toBe(7);
  return [...outcome.sorted()].map((place) => {
    const at = place * 8;
    const value = bytes.kind(at) === REMOVE ? undefined : Buffer.from(bytes.value(at)).toString();
    return [bytes.key(at), value];
  });
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
    const writer = new EntryWriter(RECORD.head);
    const keys = Array.from({ length: 50 }, (_, i) => `k${i % 25}`);
    for (const key of keys) put(writer, key, key);
    const { bytes, length } = writer;
    for (let at: number = RECORD.head; at < length; at += 48) bytes.i32[at >> 2] = 77;
    const outcome = new Outcome(bytes, noValues);
    outcome.take({ bytes, at: 0, length, cas: 1 });
    expect([...outcome.sorted()].map((place) => bytes.key(place * 8))).toEqual(inOrder(new Set(keys)));
  });

  test("what stood before a flush is gone, and a flush that waits is told", () => {
    const found = outcomeOf((writer) => {
      put(writer, "old", "1");
      writer.note(FLUSH_AT, 5);
      writer.note(FLUSH);
      put(writer, "new", "2");
    });
    expect(found).toEqual([["new", "2"]]);
    const writer = new EntryWriter(RECORD.head);
    writer.note(FLUSH_AT, 12);
    const outcome = new Outcome(writer.bytes, noValues);
    outcome.take({ bytes: writer.bytes, at: 0, length: writer.length, cas: 0 });
    expect([outcome.flushed, outcome.flushAt]).toEqual([false, 12]);
  });
});
