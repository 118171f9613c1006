// The merge protocol: a range of days is initiated, and its merged file downloaded once it is there.

import type { Files } from "../../../domain/files/files.ts";
import { requireDate } from "../../../domain/jobs/dates.ts";
import type { Jobs } from "../../../domain/jobs/jobs.ts";
import { mergeKind } from "../../../domain/jobs/kinds.ts";
import type { Job } from "../../../ports/queue.ts";
import { Fault } from "../../../wire/faults.ts";
import { ROUTES } from "../../../wire/routes.ts";
import { readText } from "../body.ts";
import { serveFile } from "../files/serve.ts";
import type { Route } from "../route.ts";
import { answerFault, plainBody } from "../server.ts";

export interface MergeDoorOptions {
  readonly jobs: Jobs;
  readonly files: Files;
}

const BODY_LIMIT = 65_536;
const RETRY_SECONDS = "1";

export function mergeRoutes({ jobs, files }: MergeDoorOptions): Route[] {
  return [
    {
      method: "POST",
      path: ROUTES.mergeInitiate,
      summary: "Starts a merge of the log files of a range of days, {start_date, end_date}, both inclusive.",
      handle: async (request) => {
        // Clients of this protocol send their JSON with any Content-Type, or none.
        const input = rangeOf(await readText(request, BODY_LIMIT));
        const job = await jobs.submit({ kind: mergeKind.name, input });
        return Response.json({ download_id: job.id });
      },
    },
    {
      method: "GET",
      path: ROUTES.mergeDownload,
      summary: "The merged file; 202 with Retry-After until it is there.",
      crossOrigin: true,
      handle: async (request) => {
        const job = await jobs.require(request.params.id ?? "", mergeKind.name);
        if (job.state === "queued" || job.state === "running") return answerUnfinished(job);
        if (job.state !== "succeeded") return answerFault(failureOf(job), plainBody);
        return serveFile(request, files, await resultOf(job, files));
      },
    },
  ];
}

function rangeOf(text: string): { readonly start: string; readonly end: string } {
  const body = parse(text);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new Fault("invalid", "the body must be a JSON object with start_date and end_date");
  }
  const [start, end] = [dateOf(body, "start_date"), dateOf(body, "end_date")];
  if (start <= end) return { start, end };
  throw new Fault("invalid", `end_date ${end} is before start_date ${start}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Fault("invalid", `the body is not JSON: ${why}`, { cause });
  }
}

function dateOf(body: object, key: "start_date" | "end_date"): string {
  const value: unknown = Object.getOwnPropertyDescriptor(body, key)?.value;
  if (value === undefined) throw new Fault("invalid", `the key ${key} is missing`);
  if (typeof value !== "string") {
    throw new Fault("invalid", `${key}: ${JSON.stringify(value).slice(0, 100)} is not a text`);
  }
  return requireDate(key, value);
}

function answerUnfinished({ id, state, progress, error }: Job): Response {
  const message = `the merge is ${state}; ask again`;
  const answer = {
    status: state,
    download_id: id,
    message,
    progress,
    ...(error && { last_error: error.message }),
  };
  return Response.json(answer, { status: 202, headers: { "retry-after": RETRY_SECONDS } });
}

/** A failure of the job is none of this request's making, whatever its code: 500; a cancelled one is gone. */
function failureOf({ id, state, error }: Job): Fault {
  if (state === "cancelled") return new Fault("gone", `the merge ${id} was cancelled`);
  const details = { code: error?.code };
  return new Fault("internal", `the merge ${id} failed: ${error?.message ?? "its error is not known"}`, {
    ...(error?.hint && { hint: error.hint }),
    details,
  });
}

async function resultOf({ id, result }: Job, files: Files) {
  const fileId = typeof result === "object" && result !== null && "file" in result ? result.file : undefined;
  const file = typeof fileId === "string" ? await files.get(fileId) : undefined;
  if (file) return file;
  throw new Fault("gone", `the result of the merge ${id} has expired or was removed`, {
    hint: "Initiate the merge again.",
  });
}
