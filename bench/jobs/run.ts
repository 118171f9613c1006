// The queue: how many empty jobs pass through it in a second, and how soon an added job starts.

import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { SqliteQueue } from "../../src/adapters/sqlite/queue/queue.ts";
import { systemClock } from "../../src/app/clock.ts";
import { until } from "../../test/support/until.ts";
import { median, report } from "../report.ts";

/** `run.ts [JOBS]` */
const JOBS = Number(process.argv[2] ?? 10_000);
const WAITS = Math.min(1_000, JOBS);
const AIM = { perSecond: 2_000, p99: 25 };

interface Site extends AsyncDisposable {
  readonly queue: SqliteQueue;
  readonly workers: readonly Subprocess[];
}

async function open(sync: "full" | "normal", count: number): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), "cairn-bench-jobs-"));
  const path = join(folder, "jobs.sqlite");
  const queue = SqliteQueue.open({ path, sync, clock: systemClock });
  const program = new URL("worker.ts", import.meta.url).pathname;
  const workers: Subprocess[] = [];
  for (let i = 0; i < count; i++) {
    const ready = Promise.withResolvers<void>();
    const command = [process.execPath, program, path, sync];
    workers.push(Bun.spawn(command, { stdio: ["ignore", "inherit", "inherit"], ipc: () => ready.resolve() }));
    await ready.promise;
  }
  return {
    queue,
    workers,
    async [Symbol.asyncDispose]() {
      for (const worker of workers) worker.disconnect();
      await Promise.all(workers.map(({ exited }) => exited));
      await queue[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const newJob = () => ({ id: crypto.randomUUID(), kind: "empty", input: null });

/** Jobs per second from the first add to the last end, while they are still being added. */
async function through(sync: "full" | "normal", count: number): Promise<number> {
  await using site = await open(sync, count);
  const began = performance.now();
  for (let added = 0; added < JOBS; added += 200) {
    await Promise.all(Array.from({ length: 200 }, () => site.queue.add(newJob())));
    for (const worker of site.workers) worker.send("poke");
  }
  await until("all are done", async () => (await site.queue.counts()).succeeded === JOBS, 120_000);
  return (JOBS * 1_000) / (performance.now() - began);
}

/** ms from `add` to the start, by the stored times, with the queue idle in between. */
async function waits(): Promise<readonly number[]> {
  await using site = await open("full", 1);
  const seen: number[] = [];
  for (let i = 0; i < WAITS; i++) {
    const { id } = await site.queue.add(newJob());
    site.workers[0]?.send("poke");
    const job = await until("it is done", async () => {
      const now = await site.queue.get(id);
      return now?.state === "succeeded" && now;
    });
    seen.push((job.startedAt ?? 0) - job.createdAt);
  }
  return seen.sort((a, b) => a - b);
}

const rates: Record<string, number[]> = {};
for (let round = 0; round < 2; round++) {
  for (const [sync, count] of [
    ["full", 1],
    ["full", 2],
    ["full", 8],
    ["normal", 2],
  ] as const) {
    const name = `${count} worker${count > 1 ? "s" : ""}, sync ${sync}`;
    const rate = await through(sync, count);
    rates[name] = [...(rates[name] ?? []), rate];
    console.log(`${name}: ${Math.round(rate)} jobs/s`);
  }
}
const sorted = await waits();
const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
const [p50, p99] = [at(0.5), at(0.99)];
console.log(`add to start: p50 ${p50} ms, p99 ${p99} ms`);
const slowest = Math.min(...Object.values(rates).map((values) => median(values)));
const missed = [
  slowest < AIM.perSecond && `${Math.round(slowest)} jobs/s at the slowest, aim ${AIM.perSecond}`,
  p99 > AIM.p99 && `p99 from add to start ${p99} ms, aim ${AIM.p99} ms`,
].filter(Boolean);
await report(
  "jobs",
  `## Jobs

${missed.length > 0 ? `**Missed:** ${missed.join("; ")}.\n\n` : ""}${JOBS.toLocaleString("en")} jobs that do nothing, added and worked on at once by real processes on one SQLite file (median of 2 runs; aim: ${AIM.perSecond.toLocaleString("en")}/s):

| | jobs/s |
|---|---|
${Object.entries(rates)
  .map(([name, values]) => `| ${name} | ${Math.round(median(values)).toLocaleString("en")} |`)
  .join("\n")}

From adding a job to its start on an idle queue, ${WAITS.toLocaleString("en")} times: p50 ${p50} ms, p99 ${p99} ms (aim: ${AIM.p99} ms).

The load average was ${loadavg()[1]?.toFixed(1)} towards the end. \`bin/cairn-bun bench/jobs/run.ts\``,
);
