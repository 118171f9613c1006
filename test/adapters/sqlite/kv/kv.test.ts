// What is particular to the SQLite kv: its lock, a full disk, damaged and foreign files, isolation of readers.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, symlinkSync, writeFileSync } from "node:fs";
import { SqliteKv } from "../../../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../../../src/domain/kv/rules.ts";
import { isFault } from "../../../../src/wire/faults.ts";
import { get, replyTexts, set } from "../../../conformance/kv.suite.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { BUN, Program, ROOT } from "../../../support/processes.ts";
import { temporaryFolder } from "../../../support/temporary.ts";
import { until } from "../../../support/until.ts";

const options = { sync: "normal", rules: createRules(), clock: new ManualClock() } as const;

function faultOf(work: () => unknown) {
  try {
    work();
  } catch (error) {
    if (isFault(error)) return error;
    throw error;
  }
  throw new Error("no fault");
}

describe("sqlite kv", () => {
  test("a second server on the file is refused, by whatever name it calls it", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    const kv = SqliteKv.open({ ...options, path });
    symlinkSync(path, folder.at("link.sqlite"));
    for (const name of [path, folder.at("link.sqlite")]) {
      const fault = faultOf(() => SqliteKv.open({ ...options, path: name }));
      expect(fault.code).toBe("conflict");
      expect(fault.message).toContain(name);
    }
    await kv[Symbol.asyncDispose]();
    await using again = SqliteKv.open({ ...options, path });
    expect(await again.stats()).toMatchObject({ items: 0 });
  });

  test("the lock of another process holds, and ends when that is killed", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    const script = folder.at("hold.ts");
    writeFileSync(
      script,
      `import { lockDatabase } from ${JSON.stringify(`${ROOT}src/adapters/sqlite/lock.ts`)};
       globalThis.lock = lockDatabase(${JSON.stringify(path)});
       process.stdout.write("held\\n");
       setInterval(() => {}, 1000);`,
    );
    const holder = await Program.start([BUN, script]);
    await until("the lock is held", () => holder.stdout.includes("held"));
    expect(faultOf(() => SqliteKv.open({ ...options, path })).code).toBe("conflict");
    await holder.end("SIGKILL");
    await using kv = SqliteKv.open({ ...options, path });
    expect(await kv.stats()).toMatchObject({ items: 0 });
  });

  test("a reader sees nothing that is not committed", async () => {
    await using folder = await temporaryFolder();
    await using kv = SqliteKv.open({ ...options, path: folder.at("kv.sqlite") });
    const written = kv.execute([set("a", "1")]);
    expect(kv.execute([get("a")])).toEqual(["miss"]);
    await written;
    expect(replyTexts(await kv.execute([get("a")]))).toEqual(["0:1"]);
  });

  test("what was read out of SQLite never takes the place of what is committed in the same turn", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    const before = SqliteKv.open({ ...options, path });
    await before.execute([set("a", "old"), set("b", "old"), set("c", "old")]);
    await before[Symbol.asyncDispose]();
    await using kv = SqliteKv.open({ ...options, path });
    const written = kv.execute([set("a", "new"), { kind: "delete", key: "b", noreply: false }]);
    expect(replyTexts(await kv.execute([get("a"), get("b"), get("c")]))).toEqual(["0:old", "0:old", "0:old"]);
    await written;
    expect(replyTexts(await kv.execute([get("a"), get("b"), get("c")]))).toEqual(["0:new", "miss", "0:old"]);
    const flushed = kv.execute([{ kind: "flush", delay: 0, noreply: false }]);
    expect(replyTexts(await kv.execute([get("c")]))).toEqual(["0:old"]);
    await flushed;
    expect(replyTexts(await kv.execute([get("a"), get("c")]))).toEqual(["miss", "miss"]);
  });

  test("a full disk fails the whole transaction, changes nothing, and the service goes on", async () => {
    await using folder = await temporaryFolder();
    // SQLite reports SQLITE_FULL at its page limit just as it does at the end of a disk.
    await using kv = SqliteKv.open({ ...options, path: folder.at("kv.sqlite"), maxFileBytes: 160_000 });
    await kv.execute([set("a", "old")]);
    const before = await kv.stats();
    const big = kv.execute([set("big", "x".repeat(500_000))]);
    const small = kv.execute([set("a", "new")]);
    for (const failed of [big, small]) {
      expect(await Promise.resolve(failed).catch((error: unknown) => isFault(error, "no-space"))).toBe(true);
    }
    expect(replyTexts(await kv.execute([get("a"), get("big")]))).toEqual(["0:old", "miss"]);
    expect(await kv.stats()).toEqual(before);
    expect(replyTexts(await kv.execute([set("big", "x".repeat(50_000))]))).toEqual(["stored"]);
  });

  test("foreign, damaged and unreachable files are refused with a reason, and stay as they are", async () => {
    await using folder = await temporaryFolder();
    writeFileSync(
      folder.at("text"),
      "this is no database at all, but long enough to be looked at by SQLite\n".repeat(20),
    );
    expect(faultOf(() => SqliteKv.open({ ...options, path: folder.at("text") })).code).toBe("corrupt");
    const foreign = new Database(folder.at("foreign.sqlite"), { create: true });
    foreign.run("CREATE TABLE theirs (a)");
    foreign.close();
    const fault = faultOf(() => SqliteKv.open({ ...options, path: folder.at("foreign.sqlite") }));
    expect(fault.code).toBe("conflict");
    expect(fault.message).toContain("foreign.sqlite");
    expect(faultOf(() => SqliteKv.open({ ...options, path: folder.at("no", "kv.sqlite") })).code).toBe(
      "forbidden",
    );
    // A refused file must not stay locked.
    expect(faultOf(() => SqliteKv.open({ ...options, path: folder.at("text") })).code).toBe("corrupt");
  });

  test("closing folds the WAL into the file", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    const kv = SqliteKv.open({ ...options, path });
    await kv.execute([set("a", "1")]);
    await kv[Symbol.asyncDispose]();
    await kv[Symbol.asyncDispose]();
    expect(existsSync(`${path}-wal`)).toBe(false);
  });
});
