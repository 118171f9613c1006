// Many real worker processes on one queue. CAIRN_JOBS and CAIRN_KILL_ROUNDS make it larger (see scripts/faults.ts).

import { expect, test } from "bun:test";
import { readdir, readFile, stat } from "node:fs/promises";
import { DiskBlobs } from "../../src/adapters/disk/blobs.ts";
import { SqliteQueue } from "../../src/adapters/sqlite/queue/queue.ts";
import { systemClock } from "../../src/app/clock.ts";
import type { Workshop } from "../../src/app/worker.ts";
import { Workers } from "../../src/app/workers.ts";
import { Jobs } from "../../src/domain/jobs/jobs.ts";
import { aggregateKind, mergeKind } from "../../src/domain/jobs/kinds.ts";
import { BUN, Program, ROOT } from "../support/processes.ts";
import { quietLog } from "../support/quiet-log.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
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

for (const kind of ["aggregate", "merge"] as const) {
  test(`workers that are killed during jobs of the kind ${kind} give the same result as one that is not`, async () => {
    await using folder = await temporaryFolder();
    await using shop = await openWorkshop(folder.path);
    const workers = new Workers({
      ...{ count: 1, command: [BUN, `${ROOT}test/faults/worker-process.ts`, folder.path], env: {} },
      ...{ clock: systemClock, log: quietLog, onDeath: (dead) => jobs.recover(dead) },
    });
    const onReady = () => workers.poke();
    const jobs = new Jobs({
      queue: shop.queue,
      state: shop.queueState,
      clock: systemClock,
      kinds: [aggregateKind, mergeKind],
      onReady,
    });
    await using _ = workers;
    const input = kind === "merge" ? await writeLogs(folder) : await storePlays(shop);
    const gotOn = kind === "merge" ? () => isWriting(folder) : () => isAggregating(shop.scratch);
    const before = (await shop.files.page({ limit: 10 })).records.length;
    const submit = async () => (await jobs.submit({ kind, input })).id;
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
        // At another moment each time: as soon as it runs, or once the work itself has begun.
        if ((round + attempt) % 2 === 0) await until("it got on", gotOn);
        process.kill(Number(job.worker?.split(":")[1]), "SIGKILL");
        await until("it is given to another", async () => (await shop.queue.get(id))?.worker !== job.worker);
      }
      expect((await ended(id)).attempts).toBe(3);
      expect((await shop.files.require(id)).sha256).toBe(expected);
    }
    const { records } = await shop.files.page({ limit: 1_000 });
    expect(records.length).toBe(before + 1 + ROUNDS);
    // What the killed ones left half-written goes with the next start.
    await DiskBlobs.open(folder.path);
    expect(await readdir(folder.at("temporary"))).toEqual([]);
  }, 600_000);
}

async function storePlays(shop: Workshop): Promise<{ readonly fileId: string }> {
  const facts = { name: "p.csv", mediaType: "text/csv", origin: "test" };
  return { fileId: (await shop.files.store(facts, plays())).id };
}

/** Some 60 MB in 31 files: a merge of them is under way long enough to be killed in the middle. */
async function writeLogs(folder: TemporaryFolder): Promise<{ readonly start: string; readonly end: string }> {
  for (let day = 1; day <= 31; day++) {
    const lines = Array.from(
      { length: 20_000 },
      (_, i) => `${String(i * 31 + day).padStart(8, "0")} ${"x".repeat(90)}\n`,
    );
    await Bun.write(folder.at("logs", `2020-01-${String(day).padStart(2, "0")}_0.log`), lines.join(""));
  }
  return { start: "2020-01-01", end: "2020-01-31" };
}

/** True once a living worker has written some of its result; what dead ones left does not grow. */
async function isWriting(folder: TemporaryFolder): Promise<boolean> {
  for (const name of await readdir(folder.at("temporary"))) {
    const pid = Number(name.split("-")[0]);
    const isThere = await stat(`/proc/${pid}`).then(
      () => true,
      () => false,
    );
    if (isThere && Bun.file(folder.at("temporary", name)).size > 1_000_000) return true;
  }
  return false;
}

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
