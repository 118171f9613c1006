// What the Dropzone door needs of the jobs, in its words: the wire between two rooms that do not know each other.

import type { Jobs } from "../domain/jobs/jobs.ts";
import { aggregateKind } from "../domain/jobs/kinds.ts";
import type { AggregationJobs } from "../doors/http/dropzone/routes.ts";
import type { Json } from "../ports/queue.ts";

export function aggregationJobs(jobs: Jobs): AggregationJobs {
  return {
    async submit(file, idempotencyKey) {
      const job = await jobs.submit({ kind: aggregateKind.name, input: { fileId: file.id }, idempotencyKey });
      return job.id;
    },
    async status(id) {
      const job = await jobs.get(id);
      if (job?.kind !== aggregateKind.name) return undefined;
      const { state, attempts, error, result } = job;
      return { state, attempts, error: error?.message ?? null, fileId: fileOf(result) };
    },
  };
}

function fileOf(result: Json): string | null {
  if (typeof result !== "object" || result === null || !("file" in result)) return null;
  return typeof result.file === "string" ? result.file : null;
}
