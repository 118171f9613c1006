// A worker process: opens the shop it works in, then works until it is told to stop or its parent is gone.

import { join } from "node:path";
import { DiskMergeRuns } from "../adapters/disk/merge-runs.ts";
import { openSyncFile } from "../adapters/disk/sync-file.ts";
import type { Files } from "../domain/files/files.ts";
import { aggregateHandler } from "../domain/jobs/aggregate.ts";
import { mergeHandler } from "../domain/jobs/merge.ts";
import { presentWorkers } from "../domain/jobs/presence.ts";
import { Results } from "../domain/jobs/results.ts";
import { Worker } from "../domain/jobs/worker.ts";
import type { Aggregation } from "../ports/aggregation.ts";
import type { Bucket } from "../ports/bucket.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Queue } from "../ports/queue.ts";
import type { Roster } from "../ports/roster.ts";
import { mergeOnThreads } from "./merge-threads.ts";
import { openScratch } from "./scratch.ts";
import { POKE, processOf, WORKED, workerName } from "./workers.ts";

/** What a worker works with, composed by whoever starts it. */
export interface Workshop {
  readonly queue: Queue;
  /** Where it makes itself known. */
  readonly roster: Roster;
  readonly files: Files;
  readonly bucket: Bucket;
  readonly clock: Clock;
  readonly log: Log;
  /** A folder for what need not survive: spilled state, intermediate runs. */
  readonly scratch: string;
  /** Bytes that an aggregation may use. */
  readonly jobMemory: number;
  /** Threads of one merge; default: as many as there are processors, at most four. */
  readonly mergeThreads?: number | undefined;
  /** Milliseconds until a result may be removed; null: never. */
  readonly resultExpiry: number | null;
}

export interface WorkerRun {
  /** Aborted: the job in hand is given back and the run ends. */
  readonly signal: AbortSignal;
  /**
   * A worker that `serve` started: it ends with its parent, and after a job that made it grow (DuckDB keeps its
   * memory), to be replaced.
   */
  readonly supervised: boolean;
  /** How long the lease of a job lasts without a heartbeat, in ms. */
  readonly leaseMs?: number;
}

/** Resolves when the worker has stopped and holds no job. */
export async function runWorker(shop: Workshop, { signal, supervised, leaseMs }: WorkerRun): Promise<void> {
  const { queue, roster, files, bucket, clock, log } = shop;
  await using scratch = await openScratch(shop.scratch, await processesOf(roster, clock));
  const results = new Results({ files, clock, lifetime: shop.resultExpiry });
  let grown = false;
  const aggregation = async () => {
    grown = true;
    return openAggregation(scratch.path, shop.jobMemory);
  };
  const runs = new DiskMergeRuns(join(scratch.path, "merges"));
  const worker = new Worker({
    queue,
    roster,
    clock,
    log,
    name: workerName(process.pid, supervised),
    handlers: [
      mergeHandler({
        ...{ bucket, results, scratch: runs, openFile: openSyncFile },
        merge: (sources, options) => mergeOnThreads(sources, options, { threads: shop.mergeThreads }),
      }),
      aggregateHandler({ files, results, aggregation }),
    ],
    onEnd: () => {
      if (supervised && process.connected) process.send?.(WORKED);
    },
    spent: () => supervised && grown,
    ...(leaseMs !== undefined && { leaseMs }),
  });
  const orphaned = new AbortController();
  if (supervised) listenToParent(worker, orphaned);
  await worker.run(AbortSignal.any([signal, orphaned.signal]));
  // An open channel would keep the process alive.
  if (supervised && process.connected) process.disconnect?.();
}

/** Of the workers that were heard of lately. */
async function processesOf(roster: Roster, clock: Clock): Promise<ReadonlySet<string>> {
  return new Set((await presentWorkers(roster, clock)).map(({ name }) => processOf(name)));
}

async function openAggregation(scratch: string, memory: number): Promise<Aggregation> {
  const { DuckdbAggregation } = await import("../adapters/duckdb/aggregation.ts");
  return new DuckdbAggregation({
    scratch: join(scratch, "aggregations"),
    memory,
    threads: Math.min(4, navigator.hardwareConcurrency),
  });
}

function listenToParent(worker: Worker, orphaned: AbortController): void {
  process.on("message", (message) => {
    if (message === POKE) worker.poke();
  });
  process.once("disconnect", () => orphaned.abort());
  // The server may have died while this process was opening its store: that event is gone.
  if (!process.connected) orphaned.abort();
}
