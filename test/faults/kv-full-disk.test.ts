// A disk that is really full under the items: sets are refused, gets go on, and all works again when there is space.
// The disk is a small tmpfs, which only root may mount.

import { expect } from "bun:test";
import { rmSync } from "node:fs";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { isFault } from "../../src/wire/faults.ts";
import { get, replyTexts, set } from "../conformance/kv.suite.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { diskTest, smallDisk } from "../support/small-disk.ts";
import { until } from "../support/until.ts";
import { bytesOf } from "../support/values.ts";

diskTest(
  "a full disk refuses sets until there is space",
  async () => {
    await using folder = await smallDisk("6m");
    const options = { sync: "full", rules: createRules(), clock: new ManualClock() } as const;
    const path = folder.at("kv.sqlite");
    const acknowledged: string[] = [];
    const store = async (kv: SqliteKv, key: string) => {
      const done = await Promise.resolve(kv.execute([set(key, key.padEnd(4_000, "."))])).catch(
        (error: unknown) => error,
      );
      if (isFault(done, "no-space")) return false;
      expect(done).toEqual(["stored"]);
      acknowledged.push(key);
      return true;
    };
    {
      await using kv = SqliteKv.open({ ...options, path, segmentBytes: 200_000 });
      expect(await store(kv, "first")).toBe(true);
      const filler = Bun.spawnSync([
        "dd",
        "if=/dev/zero",
        `of=${folder.at("filler")}`,
        "bs=1024",
        "count=4600",
      ]);
      expect(filler.exitCode).toBe(0);
      // First the folds find no room, then the journal.
      for (let i = 0; await store(kv, `k${i}`); i++) expect(i).toBeLessThan(1_000);
      expect(acknowledged.length).toBeGreaterThan(10);
      expect(replyTexts(await kv.execute([get("first")]))[0]).toStartWith("0:first.");
      expect(await store(kv, "refused")).toBe(false);

      rmSync(folder.at("filler"));
      await until("there is space again", () => store(kv, "again"));
      expect(await kv.stats()).toMatchObject({ items: acknowledged.length });
    }
    await using kv = SqliteKv.open({ ...options, path });
    for (const key of acknowledged) {
      expect((await bytesOf((await kv.read(key))?.value)).toString()).toBe(key.padEnd(4_000, "."));
    }
    expect(await kv.read("refused")).toBeUndefined();
  },
  60_000,
);
