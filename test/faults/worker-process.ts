// A worker process for the fault tests: `worker-process.ts FOLDER`. Its shop lies in the folder; logs to merge in `logs`.

import { DiskBlobs } from "../../src/adapters/disk/blobs.ts";
import { DiskBucket } from "../../src/adapters/disk/bucket.ts";
import { SqliteQueue } from "../../src/adapters/sqlite/queue/queue.ts";
import { SqliteRoster } from "../../src/adapters/sqlite/queue/roster.ts";
import { SqliteQueueState } from "../../src/adapters/sqlite/queue/state.ts";
import { openRecordsDatabase } from "../../src/adapters/sqlite/records/database.ts";
import { SqliteRecords } from "../../src/adapters/sqlite/records/records.ts";
import { systemClock } from "../../src/app/clock.ts";
import { runWorker, type Workshop } from "../../src/app/worker.ts";
import { Files } from "../../src/domain/files/files.ts";
import { quietLog } from "../support/quiet-log.ts";

/** The same shop for the process that supervises. */
export async function openWorkshop(
  folder: string,
): Promise<
  Workshop & AsyncDisposable & { readonly queue: SqliteQueue; readonly queueState: SqliteQueueState }
> {
  const clock = systemClock;
  const log = quietLog;
  const queue = SqliteQueue.open({ path: `${folder}/jobs.sqlite`, sync: "normal", clock });
  const queueState = SqliteQueueState.open({ path: `${folder}/jobs.sqlite`, sync: "normal" });
  const roster = SqliteRoster.open({ path: `${folder}/jobs.sqlite` });
  const database = openRecordsDatabase({
    path: `${folder}/records.sqlite`,
    sync: "normal",
    takesUploads: false,
  });
  const blobs = await DiskBlobs.open(folder);
  return {
    queue,
    queueState,
    roster,
    clock,
    log,
    files: new Files({ blobs, records: new SqliteRecords(database), clock, log }),
    bucket: new DiskBucket(`${folder}/logs`),
    scratch: `${folder}/scratch`,
    jobMemory: 128 * 1_048_576,
    resultExpiry: null,
    [Symbol.asyncDispose]: async () => {
      await queueState[Symbol.asyncDispose]();
      await roster[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
      await database.close();
    },
  };
}

if (import.meta.main) {
  await using shop = await openWorkshop(process.argv[2] ?? "");
  const stop = new AbortController();
  process.once("SIGTERM", () => stop.abort());
  await runWorker(shop, { signal: stop.signal, supervised: process.send !== undefined });
}
