// What a server and the workers beside it open alike: the files, the queue and the bucket of one data folder.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DiskBlobs } from "../adapters/disk/blobs.ts";
import { DiskBucket } from "../adapters/disk/bucket.ts";
import { DiskStaging } from "../adapters/disk/staging.ts";
import type { S3BucketOptions } from "../adapters/s3/bucket.ts";
import { SqliteQueue } from "../adapters/sqlite/queue/queue.ts";
import { SqliteRoster } from "../adapters/sqlite/queue/roster.ts";
import { SqliteQueueState } from "../adapters/sqlite/queue/state.ts";
import { SMALL_LIMIT, SqliteBlobs } from "../adapters/sqlite/records/blobs.ts";
import { openRecordsDatabase } from "../adapters/sqlite/records/database.ts";
import { RecordsOutbox } from "../adapters/sqlite/records/outbox.ts";
import { isSmallId } from "../adapters/sqlite/records/packed-ids.ts";
import { SqliteRecords } from "../adapters/sqlite/records/records.ts";
import { SqliteStaging } from "../adapters/sqlite/records/staging.ts";
import { TieredBlobs } from "../adapters/tiered/blobs.ts";
import { TieredStaging } from "../adapters/tiered/staging.ts";
import { Files, type FilesOptions } from "../domain/files/files.ts";
import type { Blobs } from "../ports/blobs.ts";
import type { Bucket } from "../ports/bucket.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Outbox } from "../ports/outbox.ts";
import type { Queue } from "../ports/queue.ts";
import type { QueueState } from "../ports/queue-state.ts";
import type { Records } from "../ports/records.ts";
import type { Roster } from "../ports/roster.ts";
import type { Staging } from "../ports/staging.ts";
import type { Settings } from "./settings.ts";

/** The mark of blobs that are results on S3. */
const RESULT = "r-";

export interface Store extends AsyncDisposable {
  readonly records: Records;
  /** Notices of uploads. */
  readonly outbox: Outbox;
  readonly staging: Staging;
  readonly files: Files;
  readonly queue: Queue;
  readonly queueState: QueueState;
  readonly roster: Roster;
  readonly bucket: Bucket;
}

export interface StoreUse {
  readonly clock: Clock;
  readonly log: Log;
  /** True in the server: no other process may take uploads into the same data folder. */
  readonly takesUploads: boolean;
}

/** Opens or creates everything in the data folder; disposing it closes in the reverse order. */
export async function openStore(settings: Settings, { clock, log, takesUploads }: StoreUse): Promise<Store> {
  await using opened = new AsyncDisposableStack();
  const { data, logs, sync } = settings;
  mkdirSync(data, { recursive: true });
  // Only the default bucket is ours to create: a named one that is missing is a mistake worth an error.
  if (logs === join(data, "logs")) mkdirSync(logs, { recursive: true });

  const database = opened.use(
    openRecordsDatabase({ path: join(data, "records.sqlite"), sync, takesUploads }),
  );
  const diskBlobs = await DiskBlobs.open(data);
  const diskStaging = await DiskStaging.open(data, diskBlobs);
  const records = new SqliteRecords(database);
  const outbox = new RecordsOutbox(database);
  const blobs = await openBlobs(settings, new TieredBlobs(new SqliteBlobs(database), diskBlobs, isSmallId));
  const small = new SqliteStaging(database);
  const staging = new TieredStaging({ small, large: diskStaging, limit: SMALL_LIMIT, isSmall: isSmallId });
  const jobs = join(data, "jobs.sqlite");
  const queue = opened.use(SqliteQueue.open({ path: jobs, sync, clock }));
  const queueState = opened.use(SqliteQueueState.open({ path: jobs, sync }));
  const roster = opened.use(SqliteRoster.open({ path: jobs }));

  const files = new Files({ ...blobs, records, clock, log });
  const bucket = await openBucket(logs);
  const closing = opened.move();
  return {
    ...{ records, outbox, staging, files, queue, queueState, roster, bucket },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** Results of jobs go to the S3 bucket that the settings name, and are known by their ids there; all else stays here. */
async function openBlobs(
  { results }: Settings,
  here: Blobs,
): Promise<Pick<FilesOptions, "blobs" | "blobIdOf">> {
  if (results === undefined) return { blobs: here };
  const { S3Blobs } = await import("../adapters/s3/blobs.ts");
  const there = new S3Blobs(await s3Options(results));
  return {
    blobs: new TieredBlobs(there, here, (id) => id.startsWith(RESULT)),
    blobIdOf: ({ origin }) => `${origin.startsWith("job:") ? RESULT : ""}${crypto.randomUUID()}`,
  };
}

async function openBucket(logs: string): Promise<Bucket> {
  if (!logs.startsWith("s3://")) return new DiskBucket(logs);
  const { S3Bucket } = await import("../adapters/s3/bucket.ts");
  return new S3Bucket(await s3Options(logs));
}

/** With the credentials and the endpoint of the usual environment variables. */
async function s3Options(url: string): Promise<S3BucketOptions> {
  const { parseS3Url } = await import("../adapters/s3/bucket.ts");
  const { env } = process;
  return {
    ...parseS3Url(url),
    endpoint: env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL,
    region: env.AWS_REGION ?? env.AWS_DEFAULT_REGION,
    accessKeyId: env.AWS_ACCESS_KEY_ID,
    secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
    sessionToken: env.AWS_SESSION_TOKEN,
  };
}
