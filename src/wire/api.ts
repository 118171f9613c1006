// The JSON of our own HTTP interface, as schemas: doors parse and document with them, clients take their types.

import { z } from "zod";

const Time = z.number().int().describe("milliseconds since 1970-01-01T00:00:00Z");
const Next = z.string().nullable().describe("give it as ?after= to get the next page; null on the last");

export const KeyEntry = z.object({
  key: z.string().describe("the key's bytes, percent-encoded where they are not unreserved ASCII"),
  size: z.number().int().describe("bytes of the value"),
  flags: z.number().int(),
  cas: z.string(),
  expiresAt: Time.nullable(),
});
export const KeyPage = z.object({ keys: z.array(KeyEntry), next: Next });
export const KeyPreview = KeyEntry.extend({
  encoding: z.enum(["text", "hex"]),
  preview: z.string().describe("the first bytes of the value, as text or as hexadecimal digits"),
  truncated: z.boolean(),
});

export const FileEntry = z.object({
  id: z.string(),
  name: z.string(),
  size: z.number().int(),
  sha256: z.string(),
  mediaType: z.string(),
  origin: z.string(),
  createdAt: Time,
  expiresAt: Time.nullable(),
  url: z.string().describe("where its bytes are, relative to this server"),
});
export const FilePage = z.object({ files: z.array(FileEntry), next: Next });
export const FileRename = z.object({ name: z.string().min(1).max(1024) });

export const UploadEntry = z.object({
  id: z.string(),
  protocol: z.string(),
  name: z.string(),
  size: z.number().int().nullable(),
  received: z.number().int().describe("bytes that are durable"),
  ranges: z.array(z.tuple([z.number().int(), z.number().int()])).describe("covered, [start, end) each"),
  state: z.enum(["arriving", "finished", "failed"]),
  fileId: z.string().nullable(),
  error: z.string().nullable(),
  createdAt: Time,
  updatedAt: Time,
  expiresAt: Time.nullable(),
});
export const UploadPage = z.object({ uploads: z.array(UploadEntry), next: Next });

export const JobProgress = z.object({
  done: z.number(),
  total: z.number(),
  rate: z.number().optional().describe("units per second, lately"),
  unit: z.enum(["bytes", "rows", "files"]),
  phase: z.string(),
});
export const JobState = z.enum(["queued", "running", "succeeded", "failed", "cancelled"]);
export const JobEntry = z.object({
  id: z.string(),
  kind: z.string(),
  input: z.json(),
  state: JobState,
  priority: z.number(),
  attempts: z.number().int(),
  maxAttempts: z.number().int(),
  progress: JobProgress.nullable(),
  log: z
    .array(z.object({ at: Time, text: z.string() }))
    .describe("empty in lists and in the events of all jobs"),
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() }).nullable(),
  result: z.json(),
  file: FileEntry.nullable().describe("the result, once the job has succeeded"),
  rejects: FileEntry.nullable().optional().describe("the rows that an aggregation set apart"),
  cancelRequested: z.boolean(),
  webhook: z.string().nullable().describe("the URL that is told of the end"),
  worker: z.string().nullable(),
  runAt: Time,
  createdAt: Time,
  startedAt: Time.nullable(),
  finishedAt: Time.nullable(),
  timings: z
    .object({
      waited: z.number().int().nullable().describe("ms from its creation to the start of the last attempt"),
      worked: z.number().int().nullable().describe("ms of the last attempt, once the job has ended"),
    })
    .optional(),
});
export const JobPage = z.object({ jobs: z.array(JobEntry), next: Next });
/** Ten years: a time beyond is a mistake. */
const LONGEST_DELAY_MS = 315_360_000_000;
/** Strict: a misspelt `idempotencyKey` must not run a job twice. */
export const NewJobBody = z.strictObject({
  kind: z.string(),
  input: z.json(),
  idempotencyKey: z.string().min(1).max(200).optional(),
  priority: z.number().int().min(-100).max(100).optional(),
  delay: z
    .number()
    .int()
    .min(0)
    .max(LONGEST_DELAY_MS)
    .optional()
    .describe("milliseconds before it may start"),
  webhook: z.string().optional().describe("an http(s) URL that is told of the end, signed"),
});

/** Strict, and never empty: a filter that got lost on its way must not mean all jobs. */
export const BulkBody = z.strictObject({
  state: JobState.optional(),
  kind: z.string().max(100).optional(),
  text: z.string().min(1).max(200).describe("in the id or the input").optional(),
  since: Time.optional().describe("created at or after this time"),
  until: Time.optional().describe("created before this time"),
  ids: z.array(z.string().max(100)).min(1).max(500).optional().describe("in place of a filter"),
  dryRun: z.boolean().optional().describe("only count the jobs"),
});
export const BulkAnswer = z.object({ jobs: z.number().int().describe("how many it was done to") });

export const KindEntry = z.object({
  kind: z.string(),
  paused: z.boolean().describe("no job of this kind is begun"),
  jobs: z.record(JobState, z.number().int()),
});
export const KindList = z.object({ kinds: z.array(KindEntry) });
export const PauseBody = z.strictObject({ kind: z.string().optional().describe("default: every kind") });

export const WorkerEntry = z.object({
  name: z.string().describe("its machine and process; a job names the worker that holds it, or held it last"),
  own: z.boolean().describe("whether this server started it, and starts another when it ends"),
  kinds: z.array(z.string()).describe("of jobs that it takes"),
  startedAt: Time,
  seenAt: Time.describe("when it last told that it is alive"),
  job: z
    .object({
      id: z.string(),
      kind: z.string(),
      startedAt: Time.nullable(),
      progress: JobProgress.nullable(),
    })
    .nullable()
    .describe("what it works on"),
});
export const WorkerList = z.object({ workers: z.array(WorkerEntry) });

export const Status = z.object({
  version: z.string(),
  uptime: z.number().describe("milliseconds since the start"),
  sync: z.enum(["full", "normal"]),
  keys: z.number().int(),
  jobs: z.record(JobState, z.number().int()),
  kinds: z.array(KindEntry).optional().describe("the same by kind of job"),
  workers: z.number().int().describe("worker processes that are alive, whoever started them"),
  workersFailing: z
    .string()
    .optional()
    .describe("how worker processes end that are started again and again and do not live"),
  disk: z.object({ free: z.number(), total: z.number() }).describe("bytes on the data folder's disk"),
  doors: z
    .array(z.object({ name: z.string(), url: z.string() }))
    .optional()
    .describe("what listens where"),
});

export type KeyEntry = z.infer<typeof KeyEntry>;
export type KeyPage = z.infer<typeof KeyPage>;
export type KeyPreview = z.infer<typeof KeyPreview>;
export type FileEntry = z.infer<typeof FileEntry>;
export type FilePage = z.infer<typeof FilePage>;
export type UploadEntry = z.infer<typeof UploadEntry>;
export type UploadPage = z.infer<typeof UploadPage>;
export type JobEntry = z.infer<typeof JobEntry>;
export type JobPage = z.infer<typeof JobPage>;
export type NewJobBody = z.infer<typeof NewJobBody>;
export type BulkBody = z.infer<typeof BulkBody>;
export type BulkAnswer = z.infer<typeof BulkAnswer>;
export type KindEntry = z.infer<typeof KindEntry>;
export type KindList = z.infer<typeof KindList>;
export type WorkerEntry = z.infer<typeof WorkerEntry>;
export type WorkerList = z.infer<typeof WorkerList>;
export type Status = z.infer<typeof Status>;
