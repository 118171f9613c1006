// The files of large values beside the database: which are there when, what a crash leaves of them, and what is done about damage.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { backupKv, restoreKv } from "../../../../src/adapters/sqlite/kv/backup.ts";
import { checkKv } from "../../../../src/adapters/sqlite/kv/check.ts";
import { SqliteKv } from "../../../../src/adapters/sqlite/kv/kv.ts";
import { KV_APPLICATION_ID, KV_MIGRATIONS } from "../../../../src/adapters/sqlite/kv/schema.ts";
import { createRules } from "../../../../src/domain/kv/rules.ts";
import type { Kv } from "../../../../src/ports/kv.ts";
import type { ItemCommand } from "../../../../src/wire/memcached/commands.ts";
import { isSpooled } from "../../../../src/wire/memcached/spooled.ts";
import { get, set } from "../../../conformance/kv.suite.ts";
import { spoolTo, storing } from "../../../conformance/kv-large.suite.ts";
import { failureOf } from "../../../support/failure.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { CAIRN, run } from "../../../support/processes.ts";
import { copyStore } from "../../../support/store-copy.ts";
import { temporaryFolder } from "../../../support/temporary.ts";
import { until } from "../../../support/until.ts";
import { bytesOf } from "../../../support/values.ts";

const clock = new ManualClock();
const rules = createRules({ expire: true, maxItem: 10_000_000, spoolFrom: 2_000 });
const options = { sync: "normal", rules, clock } as const;
const remove = (key: string): ItemCommand => ({ kind: "delete", key, noreply: false });
const store = (kv: Kv, key: string, value: string, exptime = 0) =>
  spoolTo(kv, value, (spooled) => ({ ...storing("set", key, spooled), exptime }) as ItemCommand);
const textOf = async (kv: Kv, key: string) => (await bytesOf((await kv.read(key))?.value)).toString();

function filesOf(path: string): string[] {
  if (!existsSync(`${path}-values`)) return [];
  return readdirSync(`${path}-values`).filter((name) => !name.startsWith("."));
}

describe("the files of large values", () => {
  test("are none until one is stored, and go when their item does", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = SqliteKv.open({ ...options, path });
    await kv.execute([set("small", "x")]);
    expect(existsSync(`${path}-values`)).toBe(false);
    const gone: [string, () => Promise<unknown>][] = [
      ["overwritten", async () => await kv.execute([set("a", "small")])],
      ["replaced", () => store(kv, "a", "other")],
      ["deleted", async () => await kv.execute([remove("a")])],
      ["flushed", async () => await kv.execute([{ kind: "flush", delay: 0, noreply: false }])],
      [
        "too large",
        async () => await kv.execute([{ kind: "too-large", verb: "set", key: "a", noreply: false }]),
      ],
      [
        "touched into the past",
        async () => await kv.execute([{ kind: "touch", key: "a", exptime: -1, noreply: false }]),
      ],
    ];
    for (const [what, end] of gone) {
      for (const folded of [true, false]) {
        await store(kv, "a", "first");
        const [file = ""] = filesOf(path);
        if (folded) await kv.stats();
        await end();
        await kv.stats();
        await until(`the file goes: ${what}`, () => !filesOf(path).includes(file));
        await kv.execute([remove("a")]);
        await kv.stats();
        await until("none is left", () => filesOf(path).length === 0);
      }
    }
    await store(kv, "a", "short-lived", 5);
    await kv.stats();
    clock.jump(5_000);
    expect(await kv.sweep(10)).toBe(1);
    await until("what expired goes", () => filesOf(path).length === 0);
  });

  test("stay as they are when an item is touched, also before it is folded", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = SqliteKv.open({ ...options, path });
    await store(kv, "a", "kept");
    for (let i = 1; i < 4; i++) {
      await kv.execute([{ kind: "touch", key: "a", exptime: 100 + i, noreply: false }]);
      if (i > 1) await kv.stats();
      expect(await textOf(kv, "a")).toBe("kept");
    }
    expect(filesOf(path)).toHaveLength(1);
  });

  test("that were never stored are gone at once", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = SqliteKv.open({ ...options, path });
    expect(await spoolTo(kv, "x", (value) => storing("replace", "a", value))).toBe("not-stored");
    expect(filesOf(path)).toEqual([]);
    await store(kv, "a", "x".repeat(3_000));
    const long = "y".repeat(9_999_000);
    expect(await spoolTo(kv, long, (value) => storing("append", "a", value))).toBe("not-stored");
    expect(await spoolTo(kv, "end", (value) => storing("append", "a", value))).toBe("stored");
    await kv.stats();
    await until("the joined one alone is there", () => filesOf(path).length === 1);
  });

  test("that a crash left are removed by the next start, and no other", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = SqliteKv.open({ ...options, path });
    await store(kv, "table", "in the table");
    await kv.stats();
    await store(kv, "journal", "in the journal");
    await using unfinished = await kv.spool(1_000);
    await unfinished.write([Buffer.from("half of it")]);
    await using crashed = await copyStore(path);
    expect(filesOf(crashed.path)).toHaveLength(3);
    expect(checkKv(crashed.path)).toMatchObject({
      values: { files: 1, bytes: 12, unlisted: 2 },
      journal: { records: 1 },
    });
    writeFileSync(join(`${crashed.path}-values`, "README"), "not ours");
    await using again = SqliteKv.open({ ...options, path: crashed.path });
    await until("two are left", () => filesOf(crashed.path).length === 3);
    expect([await textOf(again, "table"), await textOf(again, "journal")]).toEqual([
      "in the table",
      "in the journal",
    ]);
    expect(existsSync(join(`${crashed.path}-values`, "README"))).toBe(true);
  });

  test("of another database are not touched", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    const kv = SqliteKv.open({ ...options, path });
    await store(kv, "a", "precious");
    await kv[Symbol.asyncDispose]();
    renameSync(path, folder.at("aside.sqlite"));
    expect(() => SqliteKv.open({ ...options, path })).toThrow(/has the large values of another database/);
    for (const name of readdirSync(folder.path))
      if (/^kv\.sqlite(-log.|-wal|-shm)?$/.test(name)) rmSync(folder.at(name));
    renameSync(folder.at("aside.sqlite"), path);
    await using again = SqliteKv.open({ ...options, path });
    expect(await textOf(again, "a")).toBe("precious");
  });

  test("that are damaged are told of, and do no harm to others", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    const kv = SqliteKv.open({ ...options, path });
    await store(kv, "a", "x".repeat(5_000));
    await kv.execute([set("b", "sound")]);
    await kv.stats();
    const file = join(`${path}-values`, filesOf(path)[0] as string);
    const whole = readFileSync(file);
    const bytes = Buffer.from(whole);
    bytes[4_000] = 0;
    const damages: [RegExp, () => void][] = [
      [/bytes differ/, () => writeFileSync(file, bytes)],
      [/has 100 bytes of 5000/, () => truncateSync(file, 100)],
      [/is missing/, () => rmSync(file)],
    ];
    for (const [what, damage] of damages) {
      damage();
      const item = await kv.read("a");
      const failure = await failureOf(bytesOf(item?.value));
      expect(failure).toMatchObject({ code: "corrupt" });
      expect((failure as Error).message).toMatch(what);
      expect(() => checkKv(path)).toThrow(/large value .* is (damaged|missing)/);
      expect(() => backupKv(path, folder.at("backup"))).toThrow();
      expect(existsSync(folder.at("backup"))).toBe(false);
      expect(await textOf(kv, "b")).toBe("sound");
    }
    writeFileSync(file, whole);
    expect(checkKv(path)).toMatchObject({ values: { files: 1, bytes: 5_000, unlisted: 0 } });
    await kv[Symbol.asyncDispose]();
  });

  test("large values of older versions stay in their rows, and can be read, appended to and removed", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    const old = new Database(path, { create: true });
    old.run("PRAGMA journal_mode = WAL");
    for (const script of KV_MIGRATIONS.slice(0, 3)) old.run(script);
    old.run(`PRAGMA application_id = ${KV_APPLICATION_ID}`);
    old.run("PRAGMA user_version = 3");
    const value = Buffer.alloc(3_000_000, "v");
    old.run("INSERT INTO items (key, flags, exptime, cas, state, value) VALUES ('a', 5, 0, 1, 0, ?)", [
      value,
    ]);
    old.run("UPDATE totals SET items = 1, bytes = 3000001, cas = 1");
    old.close();
    await using kv = SqliteKv.open({ ...options, path });
    expect(await kv.read("a")).toMatchObject({ flags: 5, size: 3_000_000 });
    expect((await bytesOf((await kv.read("a"))?.value)).equals(value)).toBe(true);
    const [found] = await kv.execute([get("a")]);
    expect(found).toMatchObject({ kind: "found", flags: 5 });
    expect(await kv.execute([storing("append", "a", Buffer.from("!"))])).toEqual(["stored"]);
    const item = await kv.read("a");
    expect(item && isSpooled(item.value)).toBe(true);
    expect((await bytesOf(item?.value)).equals(Buffer.concat([value, Buffer.from("!")]))).toBe(true);
    expect(await kv.stats()).toMatchObject({ items: 1, bytes: 3_000_002 });
    expect(checkKv(path)).toMatchObject({ values: { files: 1, bytes: 3_000_001 } });
  });
});

describe("backups with large values", () => {
  test("are one file, and bring back every byte", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = SqliteKv.open({ ...options, path });
    const large = Array.from({ length: 40_000 }, (_, i) => `line ${i % 977}\n`).join("");
    await store(kv, "table", large);
    await store(kv, "empty", "");
    await kv.stats();
    await store(kv, "journal", "in the journal");
    const report = backupKv(path, folder.at("backup"));
    expect(report).toMatchObject({ items: 3, values: { files: 3, bytes: large.length + 14, unlisted: 0 } });
    expect(readdirSync(`${path}-values`).filter((name) => name.startsWith(".backup"))).toEqual([]);
    expect(checkKv(folder.at("backup"))).toMatchObject({ values: { files: 3 } });
    const restored = folder.at("restored.sqlite");
    expect(restoreKv(folder.at("backup"), restored, true)).toMatchObject({ items: 3, values: { files: 3 } });
    expect(checkKv(restored)).toMatchObject({
      items: 3,
      values: { files: 3, bytes: large.length + 14, unlisted: 0 },
    });
    await using again = SqliteKv.open({ ...options, path: restored });
    expect(await textOf(again, "table")).toBe(large);
    expect(await textOf(again, "journal")).toBe("in the journal");
    await store(again, "table", "another");
    await again.stats();
    await until("the restored file goes like any other", () => filesOf(restored).length === 3);
    expect(() => restoreKv(folder.at("backup"), restored, false)).toThrow(/already/);
  });

  test("that are damaged are refused, and leave nothing", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = SqliteKv.open({ ...options, path });
    await store(kv, "a", "x".repeat(10_000));
    backupKv(path, folder.at("backup"));
    const backup = new Database(folder.at("backup"));
    backup.run("UPDATE value_pieces SET bytes = zeroblob(10000)");
    backup.close();
    for (const verify of [true, false]) {
      expect(() => restoreKv(folder.at("backup"), folder.at("new.sqlite"), verify)).toThrow(/is damaged/);
      expect(existsSync(folder.at("new.sqlite"))).toBe(false);
      expect(existsSync(folder.at("new.sqlite-values"))).toBe(false);
    }
  });

  test("hold what was acknowledged before, while a server replaces large values", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = SqliteKv.open({ ...options, path });
    let acknowledged = 0;
    let writing = true;
    const writer = (async () => {
      for (let n = 1; writing; n++) {
        await store(kv, "large", `${n},`.padEnd(50_000, "."));
        // The fold removes the file of the one before.
        if (n % 3 === 0) await kv.stats();
        acknowledged = n;
      }
    })();
    try {
      await until("the first is there", () => acknowledged > 0);
      for (let round = 0; round < 3; round++) {
        const before = acknowledged;
        expect(await run([CAIRN, "backup", folder.at(`backup${round}`), path])).toMatchObject({ code: 0 });
        restoreKv(folder.at(`backup${round}`), folder.at(`restored${round}.sqlite`), true);
        await using restored = SqliteKv.open({ ...options, path: folder.at(`restored${round}.sqlite`) });
        expect(Number.parseInt(await textOf(restored, "large"), 10)).toBeGreaterThanOrEqual(before);
      }
    } finally {
      // Before the store is closed, which would hide what went wrong.
      writing = false;
      await writer;
    }
  }, 60_000);
});
