// Aggregation jobs in the words that upload protocols need: submit a file, ask how it is doing.

import type { JobState } from "../../ports/queue.ts";
import type { FileRecord } from "../../ports/records.ts";
import type { Jobs } from "./jobs.ts";
import { aggregateKind } from "./kinds.ts";

export interface AggregationStatus {
  readonly state: JobState;
  readonly attempts: number;
  /** Why the last attempt failed. */
  readonly error: string | null;
  /** The result's file, once succeeded. */
  readonly fileId: string | null;
}

export class Aggregations {
  readonly #jobs: Jobs;

  constructor(jobs: Jobs) {
    this.#jobs = jobs;
  }

  /** Adds the job that totals `file` by the default query; the same key again returns the same job's id. */
  async submit(file: Pick<FileRecord, "id">, idempotencyKey: string): Promise<string> {
    const { id } = await this.#jobs.submit({
      kind: aggregateKind.name,
      input: { fileId: file.id },
      idempotencyKey,
    });
    return id;
  }

  /** undefined if there is no aggregation job with this id. */
  async status(id: string): Promise<AggregationStatus | undefined> {
    const job = await this.#jobs.get(id);
    if (job?.kind !== aggregateKind.name) return undefined;
    const { state, attempts, error, result } = job;
    const file = typeof result === "object" && result !== null && "file" in result ? result.file : null;
    return { state, attempts, error: error?.message ?? null, fileId: typeof file === "string" ? file : null };
  }
}
