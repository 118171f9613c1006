// The process that the kill test of large values kills: stores, appends to and removes them on several lanes, and tells what was acknowledged.
//
//   kv-large-writer.ts DATABASE full|normal FIRST,FIRST,…    (the first step of each lane)

import { writeSync } from "node:fs";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { carryOutStep, LARGE_ITEM } from "./kv-large-program.ts";

const [path = "", sync = "full", firsts = ""] = process.argv.slice(2);
const kv = SqliteKv.open({
  path,
  sync: sync === "normal" ? "normal" : "full",
  rules: createRules({ maxItem: LARGE_ITEM, spoolFrom: 50_000 }),
  clock: new ManualClock(),
  segmentBytes: 2_000,
});
writeSync(1, "open\n");

async function write(lane: number, first: number): Promise<never> {
  for (let n = first; ; n++) {
    await carryOutStep(kv, lane, n);
    writeSync(1, `${lane} ${n}\n`);
  }
}

await Promise.all(firsts.split(",").map((first, lane) => write(lane, Number(first))));
