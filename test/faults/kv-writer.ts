// The process that the kill test of the kv store kills: writes on many lanes, and tells what was acknowledged.
//
//   kv-writer.ts DATABASE full|normal FIRST,FIRST,…    (the first batch of each lane)

import { writeSync } from "node:fs";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { batchOf } from "./kv-program.ts";

const [path = "", sync = "full", firsts = ""] = process.argv.slice(2);
// Small segments: at any moment one is about to be sealed, folded or used again.
const kv = SqliteKv.open({
  path,
  sync: sync === "normal" ? "normal" : "full",
  rules: createRules(),
  clock: new ManualClock(),
  segmentBytes: 100_000,
});
writeSync(1, "open\n");

async function write(lane: number, first: number): Promise<never> {
  for (let n = first; ; n++) {
    await kv.execute(batchOf(lane, n));
    writeSync(1, `${lane} ${n}\n`);
  }
}

await Promise.all(firsts.split(",").map((first, lane) => write(lane, Number(first))));
