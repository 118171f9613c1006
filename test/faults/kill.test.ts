// kill -9 under a writing load: no acknowledged key, chunk or job is lost, and nothing half-done is visible.

import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { randomSeed, seededRandom } from "../../src/cli/generate/random.ts";
import { Cairn } from "../support/cairn.ts";
import { figure } from "../support/figures.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { ImageLoad, JobLoad, KeyLoad, type Load } from "./kill-loads.ts";
import { DropzoneLoad, TusLoad } from "./upload-loads.ts";

/** 20 in the test command; `npm run test:faults` asks for 200. */
const ROUNDS = Number(process.env.CAIRN_KILL_ROUNDS ?? "20");

test(`kill -9 at a random moment, ${ROUNDS} rounds`, async () => {
  const seed = Number(process.env.CAIRN_KILL_SEED ?? randomSeed());
  const random = seededRandom(seed);
  console.log(`seed ${seed} (CAIRN_KILL_SEED repeats it)`);
  await using folder = await temporaryFolder();
  const logs = folder.at("logs");
  const expected = await writeLogs(logs);
  const options = { database: folder.at("cairn.sqlite"), flags: ["--logs", logs, "--log-level", "warn"] };

  const keys = new KeyLoad(random);
  let acknowledged = 0;
  let cairn = await Cairn.start(options);
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      const fresh: Load[] = [
        new ImageLoad(random),
        new JobLoad(expected),
        new TusLoad(random),
        new DropzoneLoad(random),
      ];
      const running = Promise.all([keys, ...fresh].map((load) => load.run(cairn)));
      // A random moment is the point of the test: nothing is awaited here.
      await delay(20 + random.below(400));
      await cairn.kill();
      await running;
      cairn = await Cairn.start(options);
      for (const load of [keys, ...fresh]) await load.check(cairn);
      acknowledged += fresh.reduce((sum, load) => sum + load.acknowledged, 0);
    }
  } catch (error) {
    console.log(`the server's last words:\n${cairn.program.output.slice(-4_000)}`);
    throw error;
  } finally {
    await cairn.stop();
  }
  expect(keys.acknowledged).toBeGreaterThan(ROUNDS * 10);
  expect(acknowledged).toBeGreaterThan(ROUNDS);
  figure(
    `kill -9, ${ROUNDS} rounds`,
    `${keys.acknowledged} sets, ${acknowledged} chunks and jobs acknowledged, 0 lost`,
  );
}, 1_800_000);

/** Three days of small sorted files; returns their merge. */
async function writeLogs(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const all: string[] = [];
  for (const day of ["2024-01-01", "2024-01-02", "2024-01-03"]) {
    for (let serial = 0; serial < 3; serial++) {
      const lines = Array.from(
        { length: 50 },
        (_, n) => `${day}:${String(n).padStart(4, "0")} from ${serial}\n`,
      );
      all.push(...lines);
      await Bun.write(`${folder}/${day}_${serial}.log`, lines.join(""));
    }
  }
  return all.sort().join("");
}
