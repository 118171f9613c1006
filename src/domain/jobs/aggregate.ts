// The handler of aggregation jobs: a stored CSV file in, a CSV of totals out.

import type { Aggregation, AggregationSource } from "../../ports/aggregation.ts";
import type { Json } from "../../ports/queue.ts";
import type { FileRecord } from "../../ports/records.ts";
import type { Files } from "../files/files.ts";
import type { JobContext, JobHandler } from "./kind.ts";
import { type AggregateInput, aggregateKind } from "./kinds.ts";
import type { Results } from "./results.ts";

export interface AggregateOptions {
  readonly files: Pick<Files, "require" | "read" | "localFile">;
  readonly results: Results;
  /** Loads what aggregates only when the first job of this kind comes. */
  readonly aggregation: () => Promise<Aggregation>;
}

/** Rejected rows that are named in the job's log. */
const LOGGED_REJECTS = 20;

export function aggregateHandler({
  files,
  results,
  aggregation,
}: AggregateOptions): JobHandler<AggregateInput> {
  return {
    kind: aggregateKind,
    async run({ fileId, query }, context): Promise<Json> {
      const file = await files.require(fileId);
      const total = file.size;
      const progress = (done: number, phase: string) =>
        context.progress({ done, total, unit: "bytes", phase });
      progress(0, "reading rows");
      const engine = await aggregation();
      await using result = await engine.aggregate(await sourceOf(files, file), query, {
        signal: context.signal,
        onProgress: (done) => progress(Math.min(done, total), "reading rows"),
      });
      progress(total, `writing ${result.groups} groups`);
      const facts = { name: resultName(file.name), mediaType: "text/csv" };
      const stored = await results.store(context, facts, result.output);
      const { groups, rows, rejected } = result;
      logOutcome(context, result);
      return { file: stored.id, groups, rows, rejected };
    },
  };
}

async function sourceOf(files: AggregateOptions["files"], file: FileRecord): Promise<AggregationSource> {
  return { content: (await files.localFile(file)) ?? files.read(file), size: file.size };
}

/** `plays.csv` → `plays_totals.csv`. */
function resultName(name: string): string {
  return `${name.replace(/\.csv$/i, "").slice(0, 1_000) || "file"}_totals.csv`;
}

function logOutcome(
  context: JobContext,
  { groups, rows, rejected, rejects }: Awaited<ReturnType<Aggregation["aggregate"]>>,
): void {
  context.log(`${rows} rows in ${groups} groups, ${rejected} rows rejected`);
  for (const { line, reason, text } of rejects.slice(0, LOGGED_REJECTS)) {
    context.log(`rejected line ${line}: ${reason}: ${text.slice(0, 200)}`);
  }
}
