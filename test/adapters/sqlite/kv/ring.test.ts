// The ring of items: it forgets only what SQLite has, keeps to its memory, and never gives an older value.

import { describe, expect, test } from "bun:test";
import { EntryWriter } from "../../../../src/adapters/sqlite/kv/entry-writer.ts";
import { KvRing } from "../../../../src/adapters/sqlite/kv/ring.ts";
import { seededRandom } from "../../../../src/cli/generate/random.ts";
import { plainBytes } from "../../../support/values.ts";

const HEAD = { flags: 0, exptime: 0, cas: 0, state: 0 };
const nowhere = () => {
  throw new Error("nothing is far");
};

function adder(ring: KvRing) {
  const writer = new EntryWriter(0);
  return (key: string, value: string | undefined, segment: number) => {
    writer.clear();
    const at = value === undefined ? writer.remove(key) : writer.put(key, HEAD, 0, false, Buffer.from(value));
    ring.add(writer.bytes, at, segment, 0);
  };
}

function textOf(ring: KvRing, key: string): string | undefined | null {
  const at = ring.find(key);
  if (at < 0) return undefined;
  return ring.removed(at) ? null : plainBytes(ring.item(at, "place", nowhere).value).toString();
}

describe("the ring of items", () => {
  test("gives the newest of a key, or nothing, over many times its memory", () => {
    const random = seededRandom(7);
    const ring = new KvRing(262_144, 0);
    const add = adder(ring);
    const newest = new Map<string, string | null>();
    let held = 0;
    for (let segment = 1; segment <= 300; segment++) {
      const mark = ring.mark;
      const written = new Set<string>();
      for (let i = 0; i < 100; i++) {
        const key = `k${random.below(700)}`;
        const value = random.below(8) === 0 ? undefined : `${segment}:${i}:${"x".repeat(random.below(300))}`;
        add(key, value, segment);
        newest.set(key, value ?? null);
        written.add(key);
        const read = textOf(ring, `k${random.below(700)}`);
        if (read) ring.use(ring.find(key));
      }
      for (const [key, value] of newest) {
        const read = textOf(ring, key);
        if (read !== undefined) held++;
        if (written.has(key) || read !== undefined) expect(read).toBe(value);
      }
      ring.folded(segment);
      expect(ring.mark).toBeGreaterThan(mark);
    }
    expect(held).toBeGreaterThan(300 * 200);
  });

  test("has no room for more than its memory before a fold, and all of it after", () => {
    const ring = new KvRing(1_048_576, 0);
    const add = adder(ring);
    const before = ring.room;
    let n = 0;
    for (; ring.room > 2_000; n++) add(`key${n}`, "v".repeat(1_000), 1);
    expect(n).toBeGreaterThan(500);
    for (let i = 0; i < n; i++) expect(textOf(ring, `key${i}`)).toHaveLength(1_000);
    ring.folded(1);
    expect(ring.room).toBe(before);
  });

  test("what is remembered of SQLite never takes the room of what it does not have", () => {
    const ring = new KvRing(1_048_576, 0);
    const add = adder(ring);
    add("dirty", "1", 1);
    for (let i = 0; i < 5_000; i++) ring.remember(`clean${i}`, { ...HEAD, value: new Uint8Array(1_000) }, 0);
    expect(textOf(ring, "dirty")).toBe("1");
    expect(ring.room).toBeGreaterThan(300_000);
    expect(ring.find("clean0")).toBeGreaterThanOrEqual(0);
    expect(ring.find("clean4999")).toBe(-1);
    ring.folded(1);
    for (let i = 0; i < 5_000; i++) ring.remember(`more${i}`, { ...HEAD, value: new Uint8Array(1_000) }, 0);
    expect(ring.find("more4999")).toBeGreaterThanOrEqual(0);
    expect(ring.find("dirty")).toBe(-1);
  });

  test("an item that is used stays while others pass", () => {
    const ring = new KvRing(1_048_576, 0);
    ring.remember("hot", { ...HEAD, value: Buffer.from("1") }, 0);
    for (let i = 0; i < 10_000; i++) {
      ring.remember(`cold${i}`, { ...HEAD, value: new Uint8Array(500) }, 0);
      ring.use(ring.find("hot"));
    }
    expect(textOf(ring, "hot")).toBe("1");
    expect(ring.find("cold0")).toBe(-1);
  });

  test("an item that was fetched once is known as fetched, and does not stay longer for it", () => {
    const ring = new KvRing(1_048_576, 0);
    ring.remember("once", { ...HEAD, value: Buffer.from("1") }, 1_700_000_000_000);
    const at = ring.find("once");
    expect(ring.item(at, "head", nowhere)).toMatchObject({ fetched: true, accessed: 1_700_000_000_000 });
    // As many as fill the ring: it would be saved when they come to it.
    let last = -1;
    for (let i = 0; ring.find("once") >= 0; i++) {
      ring.remember(`cold${i}`, { ...HEAD, value: new Uint8Array(500) }, 0);
      last = i;
    }
    expect(ring.find("cold2")).toBeGreaterThanOrEqual(0);
    expect(ring.find(`cold${last}`)).toBeGreaterThanOrEqual(0);
  });

  test("rows of entries are what they would be one by one, over many times its memory", () => {
    const random = seededRandom(11);
    const ring = new KvRing(262_144, 0);
    const writer = new EntryWriter(0);
    const newest = new Map<string, string | null>();
    for (let segment = 1; segment <= 200; segment++) {
      writer.clear();
      const written = new Map<string, string | null>();
      for (let i = 0; i < 60; i++) {
        const key = `k${random.below(400)}`;
        const value = random.below(8) === 0 ? null : `${segment}:${i}:${"x".repeat(random.below(700))}`;
        if (value === null) writer.remove(key);
        else writer.put(key, HEAD, 0, false, Buffer.from(value));
        written.set(key, value);
        newest.set(key, value);
        const at = ring.find(`k${random.below(400)}`);
        if (at >= 0) ring.use(at);
      }
      ring.addRow(writer.bytes, 0, writer.length, segment);
      for (const [key, value] of written) expect(textOf(ring, key)).toBe(value);
      for (const [key, value] of newest) expect([undefined, value]).toContain(textOf(ring, key));
      ring.folded(segment);
    }
  });

  test("a key that is set again in its segment stays where it stands, if its length does", () => {
    const ring = new KvRing(1_048_576, 0);
    const writer = new EntryWriter(0);
    const set = (value: string, segment: number) => {
      writer.clear();
      writer.put("hot", HEAD, 0, false, Buffer.from(value));
      ring.addRow(writer.bytes, 0, writer.length, segment);
      expect(textOf(ring, "hot")).toBe(value);
      return ring.find("hot");
    };
    const first = set("000000", 1);
    const mark = ring.mark;
    for (let i = 0; i < 100_000; i++) expect(set(String(i).padStart(6, "0"), 1)).toBe(first);
    expect(ring.mark).toBe(mark);
    const longer = set("longer than it was", 1);
    expect(longer).not.toBe(first);
    expect(set("of another segment", 2)).not.toBe(longer);
    ring.folded(1);
    expect(textOf(ring, "hot")).toBe("of another segment");
  });

  test("clear forgets all", () => {
    const ring = new KvRing(65_536 * 4, 0);
    const add = adder(ring);
    for (let i = 0; i < 100; i++) add(`k${i}`, "v", 1);
    ring.clear();
    for (let i = 0; i < 100; i++) expect(ring.find(`k${i}`)).toBe(-1);
    add("k1", "w", 1);
    expect(textOf(ring, "k1")).toBe("w");
  });
});
