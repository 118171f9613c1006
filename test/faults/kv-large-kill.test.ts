// kill -9 while large values arrive, are joined, replaced and removed: what was acknowledged is whole, and no file is left over.

import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { checkKv } from "../../src/adapters/sqlite/kv/check.ts";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { randomSeed, seededRandom } from "../../src/cli/generate/random.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import type { Kv } from "../../src/ports/kv.ts";
import { figure } from "../support/figures.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { BUN, Program, ROOT } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";
import { bytesOf } from "../support/values.ts";
import { keysOf, LARGE_ITEM, LARGE_LANES, largeStateAfter } from "./kv-large-program.ts";

/** 6 of each mode in the test command; `npm run test:faults` asks for 200. */
const ROUNDS = Number(process.env.CAIRN_KILL_ROUNDS ?? "6");

for (const sync of ["full", "normal"] as const) {
  test(`kill -9 while large values are stored, sync ${sync}, ${ROUNDS} rounds`, async () => {
    const seed = Number(process.env.CAIRN_KILL_SEED ?? randomSeed());
    const random = seededRandom(seed);
    console.log(`seed ${seed} (CAIRN_KILL_SEED repeats it)`);
    await using folder = await temporaryFolder();
    const path = folder.at("kv.sqlite");
    const done = new Array<number>(LARGE_LANES).fill(0);
    let leftOver = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const writer = `${ROOT}test/faults/kv-large-writer.ts`;
      const program = await Program.start([BUN, writer, path, sync, done.join(",")]);
      // The other lanes are anywhere when one lane's step is acknowledged.
      const acknowledged = 1 + random.below(12);
      await until("some steps are acknowledged", () => stepsOf(program).length >= acknowledged);
      await program.end("SIGKILL");
      for (const [lane = 0, n = 0] of stepsOf(program)) done[lane] = n + 1;
      const before = filesOf(path).length;
      await using kv = SqliteKv.open({
        path,
        sync,
        rules: createRules({ maxItem: LARGE_ITEM, spoolFrom: 50_000 }),
        clock: new ManualClock(),
      });
      const large = await checkLanes(kv, done);
      await until("only the files of items are left", () => filesOf(path).length === large);
      leftOver += before - large;
      expect(checkKv(path).values).toMatchObject({ files: large, unlisted: 0 });
    }
    const steps = done.reduce((sum, count) => sum + count, 0);
    expect(steps).toBeGreaterThanOrEqual(ROUNDS);
    figure(
      `kill -9 while large values are stored, sync ${sync}, ${ROUNDS} rounds`,
      `${steps} acknowledged, 0 lost; ${leftOver} files left over by the kills, all removed`,
    );
  }, 1_800_000);
}

/** Lane and step of each that was acknowledged. */
function stepsOf({ stdout }: Program): number[][] {
  return Array.from(stdout.matchAll(/^(\d+) (\d+)$/gm), ([, lane, n]) => [Number(lane), Number(n)]);
}

function filesOf(path: string): string[] {
  const folder = `${path}-values`;
  return existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith(".")) : [];
}

/** Every lane stands after its last acknowledged step, or after the one behind it. Corrects `done`; resolves how many values are large. */
async function checkLanes(kv: Kv, done: number[]): Promise<number> {
  let large = 0;
  for (const [lane, count] of done.entries()) {
    const found = new Map<string, Buffer>();
    for (const key of keysOf(lane)) {
      const item = await kv.read(key);
      if (item) found.set(key, await bytesOf(item.value));
    }
    if (!isSame(found, largeStateAfter(lane, count))) {
      expect(isSame(found, largeStateAfter(lane, count + 1))).toBe(true);
      done[lane] = count + 1;
    }
    for (const value of found.values()) if (value.length >= 60_000) large++;
  }
  return large;
}

function isSame(one: Map<string, Buffer>, other: Map<string, Buffer>): boolean {
  if (one.size !== other.size) return false;
  for (const [key, value] of one) if (!other.get(key)?.equals(value)) return false;
  return true;
}
