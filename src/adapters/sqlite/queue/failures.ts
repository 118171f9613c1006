// What becomes of a job when an attempt of it fails.

import type { JobError } from "../../../ports/queue.ts";
import type { JobRow } from "./schema.ts";

/** What a job becomes when an attempt of it ended with `error`. */
export function afterFailure(
  row: JobRow,
  error: JobError,
  retryAt: number | null,
): "queued" | "failed" | "cancelled" {
  if (row.cancel_requested === 1 || error.code === "cancelled") return "cancelled";
  return retryAt !== null && row.attempts < row.max_attempts ? "queued" : "failed";
}

/** The error of an attempt whose worker was not heard of again, or `dead`. */
export function lostWorker(row: JobRow, dead?: { readonly worker: string; readonly how: string }): JobError {
  const how = dead?.worker === row.worker ? dead?.how : "was not heard of any more";
  return {
    code: "internal",
    message: `the worker ${row.worker} ${how} during attempt ${row.attempts} of ${row.max_attempts}`,
    hint: "Its log may tell why. One that was killed has often run out of memory: lower --job-memory, or add some.",
  };
}
