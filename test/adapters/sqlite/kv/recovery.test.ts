// A journal that is damaged in any one byte, or cut at any length: what is read are its first records, each as it was written, or it is refused.

import { expect, test } from "bun:test";
import { closeSync, readFileSync, writeFileSync } from "node:fs";
import { SqliteKv } from "../../../../src/adapters/sqlite/kv/kv.ts";
import { recoverJournal } from "../../../../src/adapters/sqlite/kv/recovery.ts";
import { createRules } from "../../../../src/domain/kv/rules.ts";
import { isFault } from "../../../../src/wire/faults.ts";
import { set } from "../../../conformance/kv.suite.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { temporaryFolder } from "../../../support/temporary.ts";

const RECORDS = 4;
const CODES = ["corrupt", "conflict"] as const;

test("each byte flipped, each length", async () => {
  await using folder = await temporaryFolder();
  const options = { sync: "full", rules: createRules(), clock: new ManualClock() } as const;
  await using kv = SqliteKv.open({ ...options, path: folder.at("kv.sqlite") });
  for (let i = 0; i < RECORDS; i++) await kv.execute([set(`key${i}`, `value ${i}`)]);
  const whole = readFileSync(`${folder.at("kv.sqlite")}-log0`);
  const path = folder.at("damaged.sqlite");
  const identity = whole.readUInt32LE(40);
  const read = (bytes: Uint8Array): string[] | "refused" => {
    writeFileSync(`${path}-log0`, bytes);
    const found: string[] = [];
    try {
      const { slots } = recoverJournal({
        ...{ path, identity, folded: 0, readOnly: true },
        onRecord: ({ bytes }) => found.push(Buffer.from(bytes.u8).toString("hex")),
      });
      for (const { fd } of slots) closeSync(fd);
      return found;
    } catch (error) {
      if (CODES.some((code) => isFault(error, code))) return "refused";
      throw error;
    }
  };
  const written = read(whole);
  expect(written).toHaveLength(RECORDS);
  const isPrefix = (found: string[] | "refused") =>
    found !== "refused" && found.every((record, i) => record === written[i]);
  for (let length = 0; length < whole.length; length++) {
    expect([length, isPrefix(read(whole.subarray(0, length)))]).toEqual([length, true]);
  }
  const last = whole.length - (written[RECORDS - 1]?.length ?? 0) / 2;
  for (let at = 0; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
    const found = read(damaged);
    // Behind a record that was acknowledged others say so. The last might have been cut off by a crash.
    if (at < last) expect([at, found]).toEqual([at, "refused"]);
    else expect([at, isPrefix(found) && found.length]).toEqual([at, RECORDS - 1]);
  }
});
