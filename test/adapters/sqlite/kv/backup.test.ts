// Checking, backing up and restoring the items: while they are written, after a crash, and when something is damaged.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { backupKv, restoreKv } from "../../../../src/adapters/sqlite/kv/backup.ts";
import { checkKv } from "../../../../src/adapters/sqlite/kv/check.ts";
import { SqliteKv } from "../../../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../../../src/domain/kv/rules.ts";
import { isFault } from "../../../../src/wire/faults.ts";
import { set } from "../../../conformance/kv.suite.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { CAIRN, run } from "../../../support/processes.ts";
import { copyStore } from "../../../support/store-copy.ts";
import { temporaryFolder } from "../../../support/temporary.ts";
import { plainBytes } from "../../../support/values.ts";

const options = {
  sync: "full",
  rules: createRules(),
  clock: new ManualClock(),
  segmentBytes: 20_000,
} as const;

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
  return "none";
}

describe("backups of the items", () => {
  test("hold all that was acknowledged before, and each batch whole, while a server writes", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = SqliteKv.open({ ...options, path });
    let acknowledged = 0;
    let writing = true;
    const writer = (async () => {
      for (let n = 1; writing; n++) {
        await kv.execute([set("one", String(n)), set(`k${n % 50}`, "v".repeat(500)), set("two", String(n))]);
        acknowledged = n;
      }
    })();
    for (let round = 0; round < 5; round++) {
      const before = acknowledged;
      // In another process, as `cairn backup` is: in this one the writer would stand still.
      const done = await run([CAIRN, "backup", folder.at(`backup${round}`), path]);
      expect(done).toMatchObject({ code: 0 });
      restoreKv(folder.at(`backup${round}`), folder.at(`restored${round}.sqlite`), true);
      await using restored = SqliteKv.open({ ...options, path: folder.at(`restored${round}.sqlite`) });
      const numbers = await Promise.all(["one", "two"].map((key) => restored.read(key)));
      const [one, two] = numbers.map((item) => Number(plainBytes(item?.value).toString()));
      expect(one).toBe(two as number);
      expect(one).toBeGreaterThanOrEqual(before);
    }
    expect(acknowledged).toBeGreaterThan(20);
    writing = false;
    await writer;
  }, 60_000);

  test("are made of what a crash left, and the check tells what is in the journal", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    await using kv = SqliteKv.open({ ...options, path });
    await kv.execute([set("a", "12345"), set("b", "1")]);
    await using crashed = await copyStore(path);
    expect(checkKv(crashed.path)).toEqual({
      items: 0,
      bytes: 0,
      values: { files: 0, bytes: 0, unlisted: 0 },
      journal: { records: 1, changes: 2, incomplete: false },
    });
    expect(checkKv(path).journal).toBeUndefined();
    expect(backupKv(crashed.path, folder.at("backup"))).toMatchObject({ items: 2, bytes: 8 });
    expect(codeOf(() => backupKv(crashed.path, folder.at("backup")))).toBe("exists");
    expect(codeOf(() => restoreKv(folder.at("backup"), path, false))).toBe("conflict");
    expect(codeOf(() => restoreKv(folder.at("backup"), crashed.path, false))).toBe("exists");
    expect(existsSync(`${folder.at("backup")}-wal`)).toBe(false);
  });

  test("that are damaged are refused, and so are databases of others", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    const kv = SqliteKv.open({ ...options, path });
    for (let i = 0; i < 200; i++) await kv.execute([set(`k${i}`, "v".repeat(200))]);
    await kv[Symbol.asyncDispose]();
    expect(checkKv(path)).toMatchObject({ items: 200, journal: { records: 0 } });
    const whole = readFileSync(path);
    const damaged = Buffer.from(whole);
    damaged.fill(0xee, whole.length - 9_000, whole.length - 5_000);
    writeFileSync(folder.at("damaged"), damaged);
    expect(codeOf(() => checkKv(folder.at("damaged")))).toBe("corrupt");
    expect(codeOf(() => restoreKv(folder.at("damaged"), folder.at("new.sqlite"), true))).toBe("corrupt");
    expect(existsSync(folder.at("new.sqlite"))).toBe(false);
    const wrong = new Database(path);
    wrong.run("UPDATE totals SET items = 7");
    wrong.close();
    expect(codeOf(() => checkKv(path))).toBe("corrupt");
    const foreign = new Database(folder.at("foreign.sqlite"), { create: true });
    foreign.run("CREATE TABLE theirs (a)");
    foreign.close();
    expect(codeOf(() => checkKv(folder.at("foreign.sqlite")))).toBe("conflict");
    expect(codeOf(() => checkKv(folder.at("none")))).toBe("not-found");
  });

  test("the commands say what they did, and exit by what they found", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    const kv = SqliteKv.open({ ...options, path });
    await kv.execute([set("a", "12345")]);
    await kv[Symbol.asyncDispose]();
    const cairn = async (...args: string[]) => {
      const { code, output } = await run([CAIRN, ...args]);
      return `${code} ${output}`;
    };
    expect(await cairn("check", path)).toMatch(
      /^0 database: sound, 1 items of 6 .*\njournal: sound, 0 records/,
    );
    expect(await cairn("backup", folder.at("b"), path)).toMatch(/^0 .*: 1 items of 6 .*, checked/);
    expect(await cairn("restore", folder.at("b"), folder.at("r.sqlite"), "--verify")).toMatch(
      /^0 checked: every page of the file, and the totals against 1 items of 6 .*\nrestored .*r\.sqlite from/,
    );
    expect(await cairn("check", folder.at("none"))).toMatch(/^3 .*there is no file/);
    writeFileSync(folder.at("text"), "no database at all, but long enough to look at\n".repeat(200));
    expect(await cairn("check", folder.at("text"))).toMatch(/^6 .*not a sound SQLite database/);
  }, 30_000);
});
