// What becomes of a job when an attempt of it fails.

import type { JobError } from "../../ports/queue.ts";
import type { JobRow } from "./queue-schema.ts";

/** What a job becomes when an attempt of it ended with `error`. */
export function afterFailure(
  row: JobRow,
  error: JobError,
  retryAt: number | null,
): "queued" | "failed" | "cancelled" {
  if (row.cancel_requested === 1 || error.code === "cancelled") return "cancelled";
  return retryAt !== null && row.attempts < row.max_attempts ? "queued" : "failed";
}

/** The error of an attempt whose worker was not heard of again. */
export function lostWorker(row: JobRow): JobError {
  return {
    code: "internal",
    message: `the worker ${row.worker} died during attempt ${row.attempts} of ${row.max_attempts}`,
    hint: "Its log tells why; it may have run out of memory.",
  };
}
