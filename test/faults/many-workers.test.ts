// Many real worker processes on one queue. CAIRN_JOBS and CAIRN_KILL_ROUNDS make it larger (see scripts/faults.ts).

import { expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { SqliteQueue } from "../../src/adapters/sqlite/queue.ts";
import { systemClock } from "../../src/app/clock.ts";
import { Workers } from "../../src/app/workers.ts";
import { Jobs } from "../../src/domain/jobs/jobs.ts";
import { aggregateKind } from "../../src/domain/jobs/kinds.ts";
import { BUN, Program, ROOT } from "../support/processes.ts";
import { quietLog } from "../support/quiet-log.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";
import { openWorkshop } from "./worker-process.ts";

const JOBS = Number(process.env.CAIRN_JOBS ?? 400);
/** Each is a job whose worker is killed twice. */
const ROUNDS = Math.ceil(Number(process.env.CAIRN_KILL_ROUNDS ?? 4) / 2);

test("16 processes claim every job exactly once, and each runs once to success", async () => {
  await using folder = await temporaryFolder();
  const [path, notes] = [folder.at("jobs.sqlite"), folder.at("notes")];
  await using queue = SqliteQueue.open({ path, sync: "normal", clock: systemClock });
  await Bun.write(notes, "");
  const command = [BUN, `${ROOT}test/faults/noting-worker.ts`, path, notes];
  await using workers = new AsyncDisposableStack();
  const programs = await Promise.all(Array.from({ length: 16 }, () => Program.start(command)));
  for (const program of programs) workers.use(program);
  await Promise.all(programs.map((program) => program.untilLine(/^ready$/m, 60_000)));
  const ids = Array.from({ length: JOBS }, () => crypto.randomUUID());
  await Promise.all(ids.map((id) => queue.add({ id, kind: "note", input: null })));
  await until("all have succeeded", async () => (await queue.counts()).succeeded === JOBS, 120_000);
  const lines = (await readFile(notes, "utf8")).trim().split("\n");
  expect(lines.map((line) => line.split(" ")[0]).sort()).toEqual(ids.sort());
  // All of them had a chance, so the claims were contended.
  expect(new Set(lines.map((line) => line.split(" ")[1])).size).toBeGreaterThan(1);
  const { jobs } = await queue.page({ limit: 1_000 });
  expect(jobs.every(({ attempts }) => attempts === 1)).toBe(true);
}, 180_000);

test("workers that are killed during aggregations give the same result as one that is not", async () => {
  await using folder = await temporaryFolder();
  await using shop = await openWorkshop(folder.path);
  const workers = new Workers({
    ...{ count: 1, command: [BUN, `${ROOT}test/faults/worker-process.ts`, folder.path], env: {} },
    ...{ clock: systemClock, log: quietLog, onDeath: (dead) => jobs.recover(dead) },
  });
  const onReady = () => workers.poke();
  const jobs = new Jobs({ queue: shop.queue, clock: systemClock, kinds: [aggregateKind], onReady });
  await using _ = workers;
  const file = await shop.files.store({ name: "p.csv", mediaType: "text/csv", origin: "test" }, plays());
  const submit = async () => (await jobs.submit({ kind: "aggregate", input: { fileId: file.id } })).id;
  const ended = (id: string) =>
    until("the job has succeeded", async () => {
      const job = await shop.queue.get(id);
      if (job?.state === "failed") throw new Error(job.error?.message);
      return job?.state === "succeeded" && job;
    });
  const undisturbed = await submit();
  await ended(undisturbed);
  const expected = (await shop.files.require(undisturbed)).sha256;
  for (let round = 0; round < ROUNDS; round++) {
    const id = await submit();
    for (const attempt of [1, 2]) {
      const job = await until("the attempt runs", async () => {
        const now = await shop.queue.get(id);
        return now?.attempts === attempt && now.state === "running" && now;
      });
      // At another moment each time: as soon as it runs, or once the aggregation itself has begun.
      if ((round + attempt) % 2 === 0) await until("it got on", () => isAggregating(shop.scratch));
      process.kill(Number(job.worker?.split(":").at(-1)), "SIGKILL");
      await until("it is given to another", async () => (await shop.queue.get(id))?.worker !== job.worker);
    }
    expect((await ended(id)).attempts).toBe(3);
    expect((await shop.files.require(id)).sha256).toBe(expected);
  }
  const { records } = await shop.files.page({ limit: 1_000 });
  expect(records.length).toBe(2 + ROUNDS);
}, 600_000);

/** True once a worker has made the folder of an aggregation under way; those of dead workers go first. */
async function isAggregating(scratch: string): Promise<boolean> {
  const names = await readdir(scratch, { recursive: true });
  return names.some((name) => name.includes("aggregation-"));
}

async function* plays(): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode("Song,Date,Number of Plays\n");
  for (let block = 0; block < 150; block++) {
    const rows = Array.from(
      { length: 10_000 },
      (_, i) => `Song ${(block * 7 + i) % 90_001},2020-01-01,${i % 100}\n`,
    );
    yield new TextEncoder().encode(rows.join(""));
  }
}
