// The whole HTTP service on the memory adapters, with a worker in the same process: real routes, nothing on a disk.

import { MemoryAggregation } from "../../src/adapters/memory/aggregation.ts";
import { MemoryBlobs } from "../../src/adapters/memory/blobs.ts";
import { MemoryBucket } from "../../src/adapters/memory/bucket.ts";
import { MemoryKv } from "../../src/adapters/memory/kv.ts";
import { MemoryQueue } from "../../src/adapters/memory/queue.ts";
import { MemoryRecords } from "../../src/adapters/memory/records.ts";
import { MemoryRoster } from "../../src/adapters/memory/roster.ts";
import { MemoryStaging } from "../../src/adapters/memory/staging.ts";
import { aggregationJobs } from "../../src/app/aggregation-jobs.ts";
import { systemClock } from "../../src/app/clock.ts";
import { Crew } from "../../src/app/crew.ts";
import { Files } from "../../src/domain/files/files.ts";
import { aggregateHandler } from "../../src/domain/jobs/aggregate.ts";
import { Jobs } from "../../src/domain/jobs/jobs.ts";
import { aggregateKind, mergeKind } from "../../src/domain/jobs/kinds.ts";
import { mergeHandler } from "../../src/domain/jobs/merge.ts";
import { Results } from "../../src/domain/jobs/results.ts";
import { Worker } from "../../src/domain/jobs/worker.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { Uploads } from "../../src/domain/uploads/uploads.ts";
import { dashboardRoutes } from "../../src/doors/http/dashboard/routes.ts";
import { findWebFiles } from "../../src/doors/http/dashboard/web-files.ts";
import { dropzoneFinisher, dropzoneRoutes } from "../../src/doors/http/dropzone/routes.ts";
import { filesRoutes } from "../../src/doors/http/files/routes.ts";
import { kindEntry } from "../../src/doors/http/jobs/kinds.ts";
import { jobsRoutes } from "../../src/doors/http/jobs/routes.ts";
import { keyRoutes } from "../../src/doors/http/keys/routes.ts";
import { mergeRoutes } from "../../src/doors/http/merge/routes.ts";
import { putRoutes } from "../../src/doors/http/put/routes.ts";
import { openHttpDoor } from "../../src/doors/http/server.ts";
import { serviceRoutes } from "../../src/doors/http/service/routes.ts";
import { tusRoutes } from "../../src/doors/http/tus/routes.ts";
import { uploadsRoutes } from "../../src/doors/http/uploads/routes.ts";
import type { Status } from "../../src/wire/api.ts";
import { quietLog } from "./quiet-log.ts";

export interface MemoryService extends AsyncDisposable {
  readonly origin: string;
  readonly kv: MemoryKv;
  readonly queue: MemoryQueue;
  readonly files: Files;
  /** The worker begins; until then jobs stay queued, and the status says that none is alive. */
  startWorker(): void;
}

export interface MemoryServiceOptions {
  /** A folder that `buildWeb` has written. */
  readonly web: string;
  /** Objects of the bucket that merges read, by name. */
  readonly logs?: ReadonlyMap<string, Uint8Array>;
}

export function openMemoryService({ web, logs = new Map() }: MemoryServiceOptions): MemoryService {
  const shared = { clock: systemClock, log: quietLog };
  const [blobs, records, queue] = [new MemoryBlobs(), new MemoryRecords(), new MemoryQueue(systemClock)];
  const roster = new MemoryRoster();
  const crew = new Crew({ workers: { own: [], failing: undefined }, roster, queue, clock: systemClock });
  const kv = new MemoryKv({ rules: createRules(), clock: systemClock });
  const files = new Files({ ...shared, blobs, records });
  const results = new Results({ files, clock: systemClock, lifetime: null });
  const worker = new Worker({
    ...shared,
    queue,
    roster,
    name: "worker-1",
    handlers: [
      mergeHandler({ bucket: new MemoryBucket(logs), results }),
      aggregateHandler({ files, results, aggregation: async () => new MemoryAggregation() }),
    ],
  });
  const jobs = new Jobs({
    queue,
    state: queue,
    clock: systemClock,
    kinds: [mergeKind, aggregateKind],
    onReady: () => worker.poke(),
  });
  const aggregations = aggregationJobs(jobs);
  const finishers = { dropzone: dropzoneFinisher(aggregations) };
  const uploads = new Uploads({ ...shared, staging: new MemoryStaging(blobs), records, files, finishers });
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  const status = async (): Promise<Status> => ({
    version: "1.2.3",
    uptime: 1000,
    sync: "full",
    keys: (await kv.stats()).items,
    jobs: { ...(await queue.counts()) },
    kinds: (await jobs.kinds()).map(kindEntry),
    workers: (await crew.state()).alive,
    disk: { free: 4e9, total: 9e9 },
  });
  const metrics = async () => ({ text: "", contentType: "text/plain" });
  const routes = [
    ...dashboardRoutes({ files: findWebFiles(web) }),
    ...keyRoutes({ kv }),
    ...tusRoutes({ uploads, files }),
    ...uploadsRoutes({ uploads }),
    ...filesRoutes({ files }),
    ...putRoutes({ uploads }),
    ...jobsRoutes({ jobs, files }),
    ...dropzoneRoutes({ uploads, files, jobs: aggregations }),
    ...mergeRoutes({ jobs, files }),
    ...serviceRoutes({ version: "1.2.3", status, workers: () => crew.list(), metrics }, []),
  ];
  const server = openHttpDoor({ hostname: "127.0.0.1", port: 0, routes, idleTimeout: 30, log: quietLog });
  return {
    origin: `http://127.0.0.1:${server.port}`,
    kv,
    queue,
    files,
    startWorker: () => {
      running ??= worker.run(stop.signal);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await server.stop(true);
    },
  };
}
