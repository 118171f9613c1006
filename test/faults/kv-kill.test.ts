// kill -9 of the kv store at random moments, most of them in a commit, a fold or a checkpoint.

import { expect, test } from "bun:test";
import { setTimeout as delay } from "node:timers/promises";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { randomSeed, seededRandom } from "../../src/cli/generate/random.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { figure } from "../support/figures.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { BUN, Program, ROOT } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { bytesOf } from "../support/values.ts";
import { LANES, stateAfter } from "./kv-program.ts";

/** 6 of each mode in the test command; `npm run test:faults` asks for 200. */
const ROUNDS = Number(process.env.CAIRN_KILL_ROUNDS ?? "6");

for (const sync of ["full", "normal"] as const) {
  test(`kill -9 of the kv store, sync ${sync}, ${ROUNDS} rounds`, async () => {
    const seed = Number(process.env.CAIRN_KILL_SEED ?? randomSeed());
    const random = seededRandom(seed);
    console.log(`seed ${seed} (CAIRN_KILL_SEED repeats it)`);
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    const done = new Array<number>(LANES).fill(0);
    for (let round = 0; round < ROUNDS; round++) {
      const program = await Program.start([
        BUN,
        `${ROOT}test/faults/kv-writer.ts`,
        path,
        sync,
        done.join(","),
      ]);
      await program.untilLine(/^open$/m);
      // A random moment is the point of the test: nothing is awaited here.
      await delay(random.below(500));
      await program.end("SIGKILL");
      for (const [, lane, n] of program.stdout.matchAll(/^(\d+) (\d+)$/gm))
        done[Number(lane)] = Number(n) + 1;
      await using kv = SqliteKv.open({
        path,
        sync,
        rules: createRules(),
        clock: new ManualClock(),
        segmentBytes: 100_000,
      });
      await checkLanes(kv, done);
    }
    const batches = done.reduce((sum, count) => sum + count, 0);
    expect(batches).toBeGreaterThan(ROUNDS * LANES);
    figure(
      `kill -9 of the kv store, sync ${sync}, ${ROUNDS} rounds`,
      `${batches} batches acknowledged, 0 lost`,
    );
  }, 1_800_000);
}

/** Every lane stands after its last acknowledged batch, or after the one behind that, whole. Corrects `done` to it. */
async function checkLanes(kv: SqliteKv, done: number[]): Promise<void> {
  let items = 0;
  let bytes = 0;
  for (const [lane, count] of done.entries()) {
    const found = new Map<string, string>();
    const { keys } = await kv.scan({ prefix: `lane${lane}:`, limit: 100 });
    for (const { key } of keys) {
      found.set(key, (await bytesOf((await kv.read(key))?.value)).toString());
      bytes += key.length + (found.get(key) ?? "").length;
    }
    items += found.size;
    const acknowledged = stateAfter(lane, count);
    const next = stateAfter(lane, count + 1);
    if (!sameEntries(found, acknowledged)) {
      expect(sorted(found)).toEqual(sorted(next));
      done[lane] = count + 1;
    }
  }
  expect(await kv.stats()).toMatchObject({ items, bytes });
}

function sorted(entries: Map<string, string>): [string, string][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}

function sameEntries(one: Map<string, string>, other: Map<string, string>): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}
