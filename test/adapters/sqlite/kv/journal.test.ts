// The journal before the items: what a crash leaves of it at any point, damage, power loss, and who sees what when.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  fdatasync,
  fstatSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { SLOTS, slotPath } from "../../../../src/adapters/sqlite/kv/journal.ts";
import { SqliteKv, type SqliteKvOptions } from "../../../../src/adapters/sqlite/kv/kv.ts";
import { seededRandom } from "../../../../src/cli/generate/random.ts";
import { createRules } from "../../../../src/domain/kv/rules.ts";
import { type Fault, isFault } from "../../../../src/wire/faults.ts";
import type { ItemCommand } from "../../../../src/wire/memcached/commands.ts";
import { get, replyTexts, set } from "../../../conformance/kv.suite.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { copyStore } from "../../../support/store-copy.ts";
import { temporaryFolder } from "../../../support/temporary.ts";
import { until } from "../../../support/until.ts";
import { plainBytes } from "../../../support/values.ts";

const clock = new ManualClock();
const base = { sync: "full", rules: createRules({ expire: true }), clock } as const;
const open = (path: string, options: Partial<SqliteKvOptions> = {}) =>
  SqliteKv.open({ ...base, path, ...options });
const remove = (key: string): ItemCommand => ({ kind: "delete", key, noreply: false });
const flush = (delay = 0): ItemCommand => ({ kind: "flush", delay, noreply: false });

function refusal(work: () => unknown): Fault {
  try {
    work();
  } catch (error) {
    if (isFault(error)) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

async function textOf(kv: SqliteKv, key: string): Promise<string | undefined> {
  const item = await kv.read(key);
  return item && plainBytes(item.value).toString();
}

function values(kv: SqliteKv, ...keys: string[]): Promise<(string | undefined)[]> {
  return Promise.all(keys.map((key) => textOf(kv, key)));
}

/** All items, by a listing. */
async function contents(kv: SqliteKv): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  let after: string | undefined;
  do {
    const page = await kv.scan({ prefix: "", limit: 50, ...(after === undefined ? {} : { after }) });
    for (const { key } of page.keys) all[key] = (await textOf(kv, key)) ?? "";
    after = page.next ?? undefined;
  } while (after !== undefined);
  return all;
}

describe("the journal", () => {
  test("a crash at any point of a random program loses nothing acknowledged", async () => {
    const random = seededRandom(11);
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = open(path, { segmentBytes: 4_096, sync: "normal" });
    const model = new Map<string, string>();
    for (let step = 0; step < 60; step++) {
      for (let i = 0; i < 8; i++) {
        const key = `k${random.below(40)}`;
        const choice = random.below(60);
        if (choice === 0) model.clear();
        else if (choice < 12) model.delete(key);
        else model.set(key, `${step}.${i}:${"v".repeat(random.below(200))}`);
        const command = choice === 0 ? flush() : choice < 12 ? remove(key) : set(key, model.get(key) ?? "");
        await kv.execute([command]);
      }
      if (step % 6 !== 0) continue;
      // No fold is under way when the files are copied: a copy of several files is not of one moment.
      await until("the folds are done", () => kv.idle);
      await using crashed = await copyStore(path);
      await using after = open(crashed.path, { sync: "normal" });
      expect(await contents(after)).toEqual(Object.fromEntries(model));
      const bytes = [...model].reduce((sum, [key, value]) => sum + key.length + value.length, 0);
      expect(await after.stats()).toMatchObject({ items: model.size, bytes });
    }
  }, 30_000);

  test("a tail that is cut or garbled takes back what was not acknowledged, and nothing else", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = open(path);
    await kv.execute([set("a", "first")]);
    await kv.execute([set("b", "x".repeat(100))]);
    await using original = await copyStore(path);
    const whole = readFileSync(`${original.path}-log0`);
    for (let length = whole.length - 1; length > 0; length -= 23) {
      await using crashed = await copyStore(original.path);
      truncateSync(`${crashed.path}-log0`, length);
      await using after = open(crashed.path);
      const found = await values(after, "a", "b");
      expect([
        [undefined, undefined],
        ["first", undefined],
      ]).toContainEqual(found);
      // It goes on from there, and what was cut never comes back.
      await after.execute([set("c", "new")]);
      await using again = await copyStore(crashed.path);
      await using later = open(again.path);
      expect(await values(later, "a", "b", "c")).toEqual([...found, "new"]);
    }
    await using crashed = await copyStore(original.path);
    writeFileSync(`${crashed.path}-log0`, Buffer.concat([whole, Buffer.alloc(5_000, 0x43)]));
    await using after = open(crashed.path);
    expect(await contents(after)).toEqual({ a: "first", b: "x".repeat(100) });
  }, 30_000);

  test("damage before acknowledged records is a fault that names the file and the check", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = open(path);
    for (let i = 0; i < 20; i++) await kv.execute([set(`k${i}`, "v".repeat(50))]);
    const whole = readFileSync(`${path}-log0`);
    for (const at of [0, 5, 9, 30, 60, 1_000]) {
      await using crashed = await copyStore(path);
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      writeFileSync(`${crashed.path}-log0`, damaged);
      const fault = refusal(() => open(crashed.path));
      expect(fault.code).toBe("corrupt");
      expect(`${fault.message} ${fault.hint}`).toMatch(/kv\.sqlite-log0 is damaged.*cairn check/);
      // It stays as it was found.
      expect(readFileSync(`${crashed.path}-log0`).equals(damaged)).toBe(true);
    }
  });

  test("a journal of another database is refused", async () => {
    await using folder = await temporaryFolder();
    await using kv = open(folder.at("kv.sqlite"));
    await kv.execute([set("a", "1")]);
    await using other = await copyStore(folder.at("kv.sqlite"));
    rmSync(other.path);
    for (const end of ["-wal", "-shm"]) rmSync(`${other.path}${end}`, { force: true });
    const fault = refusal(() => open(other.path));
    expect(fault.code).toBe("conflict");
    expect(fault.message).toContain("kv.sqlite-log0 is the journal of another database");
  });

  test("power loss takes back nothing that was acknowledged, and shows nothing that it takes back", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    // What the disk has of the journal for certain: its bytes at the last sync that has ended.
    let safe: Buffer | undefined;
    const syncFile: SqliteKvOptions["syncFile"] = (fd, done) => {
      const image = Buffer.alloc(fstatSync(fd).size);
      readSync(fd, image, 0, image.length, 0);
      fdatasync(fd, (error) => {
        safe = image;
        done(error);
      });
    };
    await using kv = open(path, { syncFile });
    for (let i = 0; i < 12; i++) {
      const waiting = kv.execute([set("k", String(i)), set(`k${i}`, "v")]);
      await Promise.race([waiting, new Promise((resolve) => setImmediate(resolve))]);
      const seen = await textOf(kv, "k");
      await using cut = await copyStore(path);
      writeFileSync(`${cut.path}-log0`, safe ?? Buffer.alloc(0));
      await using after = open(cut.path);
      const kept = Number((await textOf(after, "k")) ?? -1);
      expect(kept).toBeGreaterThanOrEqual(Number(seen ?? -1));
      expect(kept).toBeGreaterThanOrEqual(i - 1);
      await waiting;
    }
  }, 30_000);

  test("a sync that takes long holds up no get, and shows no value before it ends", async () => {
    await using folder = await temporaryFolder();
    const syncs: (() => void)[] = [];
    const syncFile: SqliteKvOptions["syncFile"] = (_fd, done) => void syncs.push(() => done(null));
    await using kv = open(folder.at("kv.sqlite"), { syncFile });
    const first = kv.execute([set("a", "1")]);
    await until("the first sync", () => syncs.length === 1);
    expect(kv.execute([get("a")])).toEqual(["miss"]);
    const second = kv.execute([set("a", "2"), get("a")]);
    syncs[0]?.();
    expect(replyTexts(await first)).toEqual(["stored"]);
    await until("the second sync", () => syncs.length === 2);
    expect(replyTexts((await kv.execute([get("a")])) ?? [])).toEqual(["0:1"]);
    syncs[1]?.();
    expect(replyTexts(await second)).toEqual(["stored", "0:2"]);
    expect(replyTexts(await kv.execute([get("a")]))).toEqual(["0:2"]);
  });

  test("a sync that fails fails its group, changes nothing, and later ones work", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    let fails = true;
    const syncFile: SqliteKvOptions["syncFile"] = (fd, done) =>
      fails
        ? void setImmediate(() => done(Object.assign(new Error("bad disk"), { code: "EIO" })))
        : fdatasync(fd, done);
    await using kv = open(path, { syncFile });
    const failed = await Promise.resolve(kv.execute([set("a", "1")])).catch((error: unknown) => error);
    expect(isFault(failed, "unreachable")).toBe(true);
    expect(kv.execute([get("a")])).toEqual(["miss"]);
    {
      await using crashed = await copyStore(path);
      await using after = open(crashed.path);
      expect(await contents(after)).toEqual({});
    }
    fails = false;
    await kv.execute([set("b", "2")]);
    await using crashed = await copyStore(path);
    await using after = open(crashed.path);
    expect(await contents(after)).toEqual({ b: "2" });
  });

  test("large values are read from the journal, from SQLite, and after a crash", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = open(path, { segmentBytes: 300_000 });
    const large = "l".repeat(200_000);
    await kv.execute([
      set("big", large),
      set("small", "s"),
      { ...set("big", "t"), kind: "append" } as ItemCommand,
    ]);
    expect(await textOf(kv, "big")).toBe(`${large}t`);
    {
      await using crashed = await copyStore(path);
      await using after = open(crashed.path);
      expect(await textOf(after, "big")).toBe(`${large}t`);
    }
    await kv.stats();
    expect(await textOf(kv, "big")).toBe(`${large}t`);
    expect(await textOf(kv, "small")).toBe("s");
  });

  test("stats waits for no fold of much: it tells what the last one has counted", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = open(path, { sync: "normal" });
    await kv.execute([set("one", "1")]);
    expect(await kv.stats()).toEqual({ items: 1, bytes: 4, totalItems: 1 });
    {
      // As long as it has the lock, nothing is folded.
      using other = new Database(path);
      other.run("BEGIN IMMEDIATE");
      for (let i = 0; i < 90; i++) await kv.execute([set(`k${i}`, "v".repeat(50_000))]);
      expect(await kv.stats()).toEqual({ items: 1, bytes: 4, totalItems: 91 });
      other.run("ROLLBACK");
    }
    // The first page of a listing waits for all of it.
    await kv.scan({ prefix: "", limit: 1 });
    expect(await kv.stats()).toEqual({ items: 91, bytes: 4 + 90 * 50_000 + 10 * 2 + 80 * 3, totalItems: 91 });
  });

  test("flush_all, also one that waits, holds across a crash before its fold", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = open(path);
    await kv.execute([set("old", "1"), set("again", "1")]);
    await kv.stats();
    await kv.execute([flush(), set("again", "2")]);
    expect(replyTexts(await kv.execute([get("old"), get("again")]))).toEqual(["miss", "0:2"]);
    {
      await using crashed = await copyStore(path);
      await using after = open(crashed.path);
      expect(replyTexts(await after.execute([get("old"), get("again")]))).toEqual(["miss", "0:2"]);
      expect(await after.stats()).toMatchObject({ items: 1, bytes: 6 });
    }
    await kv.execute([flush(10)]);
    await using crashed = await copyStore(path);
    await using after = open(crashed.path);
    expect(await textOf(after, "again")).toBe("2");
    await clock.advance(10_000);
    expect(await textOf(after, "again")).toBeUndefined();
    expect(await after.stats()).toMatchObject({ items: 0 });
  });

  test("full segments wait until there are three, then all are folded at once; reads never notice", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = open(path, { segmentBytes: 2_000, sync: "normal" });
    const inTable = () => {
      const db = new Database(path, { readonly: true });
      try {
        return db
          .query<{ count: number; folded: number }, []>(
            "SELECT (SELECT count(*) FROM items) AS count, folded FROM totals",
          )
          .get();
      } finally {
        db.close();
      }
    };
    for (const key of ["a", "c"]) {
      await kv.execute([set(key, "x".repeat(2_000))]);
      // Sealed, as its file tells, and left alone.
      expect(kv.idle).toBe(true);
      expect(inTable()).toEqual({ count: 0, folded: 0 });
    }
    await kv.execute([set("a", "second"), set("b", "x".repeat(2_000))]);
    while (!kv.idle) {
      expect(await textOf(kv, "a")).toBe("second");
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(inTable()).toEqual({ count: 3, folded: 3 });
    expect(await kv.stats()).toMatchObject({ items: 3, bytes: "asecondbc".length + 4_000 });
  });

  test("a crash between a fold and the release of its files folds nothing twice", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = open(path, { segmentBytes: 3_000, sync: "normal" });
    for (let i = 0; i < 30; i++)
      await kv.execute([set(`k${i % 7}`, "v".repeat(100 + i)), remove(`k${i % 5}`)]);
    await until("the folds are done", () => kv.idle);
    await using before = await copyStore(path);
    const expected = await kv.stats();
    // The table of after the fold, beside the journal of before it.
    await using crashed = await copyStore(path);
    for (let slot = 0; slot < SLOTS; slot++) {
      rmSync(slotPath(crashed.path, slot), { force: true });
      if (existsSync(slotPath(before.path, slot))) {
        copyFileSync(slotPath(before.path, slot), slotPath(crashed.path, slot));
      }
    }
    await using after = open(crashed.path);
    expect(await after.stats()).toEqual({ ...expected, totalItems: 0 });
    expect(await contents(after)).toEqual(await contents(kv));
  });

  test("a cas unique is not given out again after a crash", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = open(path);
    await kv.execute([set("a", "1")]);
    const given = (await kv.read("a"))?.cas ?? 0;
    await using crashed = await copyStore(path);
    await using after = open(crashed.path);
    await after.execute([set("b", "1")]);
    expect((await after.read("b"))?.cas).toBeGreaterThan(given);
    expect(await textOf(after, "a")).toBe("1");
  });
});
