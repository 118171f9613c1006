// The Dropzone protocol: a CSV comes in chunks, becomes an aggregation job, and its result is downloaded.

import type { Files } from "../../../domain/files/files.ts";
import type { Finisher } from "../../../domain/uploads/completion.ts";
import type { Uploads } from "../../../domain/uploads/uploads.ts";
import type { FileRecord } from "../../../ports/records.ts";
import { Fault } from "../../../wire/faults.ts";
import { ROUTES } from "../../../wire/routes.ts";
import { serveFile } from "../files/serve.ts";
import type { FaultBody, Route } from "../route.ts";
import { receiveUpload } from "./upload.ts";

/** What this door needs of the jobs service. */
export interface AggregationJobs {
  /** Adds the job that aggregates `file`; the same key again returns the same job's id. */
  submit(file: FileRecord, idempotencyKey: string): Promise<string>;
  /** The job, or undefined if there is none of this kind with this id. */
  status(id: string): Promise<AggregationStatus | undefined>;
}

export interface AggregationStatus {
  readonly state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  /** Times it was tried. */
  readonly attempts: number;
  /** Why the last attempt failed. */
  readonly error: string | null;
  /** The result's file, once succeeded. */
  readonly fileId: string | null;
}

export interface DropzoneDoorOptions {
  readonly uploads: Uploads;
  readonly files: Files;
  readonly jobs: AggregationJobs;
}

/**
 * To be given to `Uploads` as `finishers.dropzone`: the job is submitted before the upload counts as finished, and
 * once, however often a crash makes this run, since the file's id is the key.
 */
export function dropzoneFinisher(jobs: Pick<AggregationJobs, "submit">): Finisher {
  return async (_upload, file) => ({ jobId: await jobs.submit(file, `dropzone:${file.id}`) });
}

export function dropzoneRoutes({ uploads, files, jobs }: DropzoneDoorOptions): Route[] {
  const shared = { faultBody, crossOrigin: true };
  return [
    {
      ...shared,
      method: "POST",
      path: ROUTES.dropzoneUpload,
      summary:
        "Takes a CSV whole, or one chunk of it, as Dropzone sends them; the complete file becomes a job.",
      handle: async (request) => {
        const { upload } = await receiveUpload(request, uploads);
        const jobId = upload.state === "finished" ? upload.meta.jobId : undefined;
        if (jobId === undefined) return Response.json({ message: "Chunk file uploaded successfully" });
        return Response.json({ message: "File uploaded successfully", job_id: jobId });
      },
    },
    {
      ...shared,
      method: "GET",
      path: ROUTES.dropzoneStatus,
      summary: "How the job is doing, in the words of this protocol.",
      handle: async (request) => {
        const id = request.params.id ?? "";
        const status = await require(jobs, id);
        // Existing clients read the misspelt member.
        const answer = { job_status: wordOf(status), jod_id: id, job_id: id };
        return Response.json(status.error === null ? answer : { ...answer, error: status.error });
      },
    },
    {
      ...shared,
      method: "GET",
      path: ROUTES.dropzoneDownload,
      summary: "The job's result as a CSV.",
      handle: async (request) => {
        const id = request.params.id ?? "";
        const status = await require(jobs, id);
        return serveFile(request, files, await resultOf(files, id, status));
      },
    },
  ];
}

/** Dropzone shows only `error`. */
export const faultBody: FaultBody = ({ message }) => ({ status: "error", message, error: message });

async function require(jobs: AggregationJobs, id: string): Promise<AggregationStatus> {
  const status = await jobs.status(id);
  if (status) return status;
  throw new Fault("not-found", `there is no job ${JSON.stringify(id.slice(0, 100))}`);
}

function wordOf({ state, attempts }: AggregationStatus): string {
  switch (state) {
    case "queued":
      return attempts === 0 ? "PENDING" : "RETRY";
    case "running":
      return "STARTED";
    case "succeeded":
      return "SUCCESS";
    case "failed":
    case "cancelled":
      return "FAILURE";
  }
}

/** The protocol answers 400, not 409, as long as there is no result: hence `invalid`. */
async function resultOf(
  files: Files,
  id: string,
  { state, error, fileId }: AggregationStatus,
): Promise<FileRecord> {
  if (state === "failed" || state === "cancelled") {
    throw new Fault(
      "invalid",
      `the job ${id} has ${state === "failed" ? "failed" : "been cancelled"}: ${error ?? ""}`,
    );
  }
  if (state !== "succeeded" || fileId === null)
    throw new Fault("invalid", `the job ${id} is not completed yet`);
  const file = await files.get(fileId);
  if (file) return file;
  throw new Fault("gone", `the result of the job ${id} has expired or was removed`);
}
