// Files, a bucket, a queue and one worker with the real handlers, in memory or as given.

import { MemoryAggregation } from "../../src/adapters/memory/aggregation.ts";
import { MemoryBlobs } from "../../src/adapters/memory/blobs.ts";
import { MemoryBucket } from "../../src/adapters/memory/bucket.ts";
import { MemoryQueue } from "../../src/adapters/memory/queue.ts";
import { MemoryRecords } from "../../src/adapters/memory/records.ts";
import { systemClock } from "../../src/app/clock.ts";
import { Files } from "../../src/domain/files/files.ts";
import { aggregateHandler } from "../../src/domain/jobs/aggregate.ts";
import { Jobs } from "../../src/domain/jobs/jobs.ts";
import { aggregateKind, mergeKind } from "../../src/domain/jobs/kinds.ts";
import { mergeHandler } from "../../src/domain/jobs/merge.ts";
import { Results } from "../../src/domain/jobs/results.ts";
import { Worker } from "../../src/domain/jobs/worker.ts";
import type { Aggregation } from "../../src/ports/aggregation.ts";
import type { Bucket } from "../../src/ports/bucket.ts";
import type { Job } from "../../src/ports/queue.ts";
import { memoryScratch } from "./merge-runs.ts";
import { quietLog } from "./quiet-log.ts";
import { until } from "./until.ts";

export interface JobShopOptions {
  readonly objects?: Readonly<Record<string, string>>;
  readonly bucket?: Bucket;
  /** Merges may keep runs, in memory. */
  readonly scratch?: boolean;
  readonly aggregation?: Aggregation;
  /** False: nobody works. */
  readonly working?: boolean;
}

export function openJobShop({
  objects = {},
  bucket,
  scratch = false,
  aggregation = new MemoryAggregation(),
  working = true,
}: JobShopOptions = {}) {
  const clock = systemClock;
  const queue = new MemoryQueue(clock);
  const files = new Files({ blobs: new MemoryBlobs(), records: new MemoryRecords(), clock, log: quietLog });
  const bytes = new Map(
    Object.entries(objects).map(([name, text]) => [name, new TextEncoder().encode(text)]),
  );
  const results = new Results({ files, clock, lifetime: 60_000 });
  const worker = new Worker({
    queue,
    clock,
    log: quietLog,
    name: "w",
    heartbeatMs: 20,
    handlers: [
      mergeHandler({
        bucket: bucket ?? new MemoryBucket(bytes),
        results,
        ...(scratch && { scratch: memoryScratch().scratch }),
      }),
      aggregateHandler({ files, results, aggregation: async () => aggregation }),
    ],
  });
  const jobs = new Jobs({
    queue,
    state: queue,
    files,
    clock,
    kinds: [mergeKind, aggregateKind],
    onReady: () => worker.poke(),
  });
  const stop = new AbortController();
  const done = working ? worker.run(stop.signal) : Promise.resolve();
  return {
    queue,
    files,
    jobs,
    /** The job once it has ended. */
    ended: (id: string): Promise<Job> =>
      until("the job ends", async () => {
        const job = await queue.get(id);
        return job?.finishedAt != null && job;
      }),
    text: async (fileId: string): Promise<string> =>
      new Response((await files.open(await files.require(fileId))) as Blob).text(),
    store: (name: string, text: string) =>
      files.store({ name, mediaType: "text/csv", origin: "test" }, pieces(text)),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await done;
    },
  };
}

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}
