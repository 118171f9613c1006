// The handler of aggregation jobs: a stored CSV file in, a file of totals out, and one of the rows that were set apart.

import type { Aggregation, AggregationQuery, AggregationResult } from "../../ports/aggregation.ts";
import type { Json } from "../../ports/queue.ts";
import { Fault } from "../../wire/faults.ts";
import type { Files } from "../files/files.ts";
import { type AggregateInput, queryOf } from "./aggregate-input.ts";
import { type CsvSource, csvSource } from "./csv-source.ts";
import type { JobContext, JobHandler } from "./kind.ts";
import { aggregateKind } from "./kinds.ts";
import type { Results } from "./results.ts";

export interface AggregateOptions {
  readonly files: Pick<Files, "require" | "read" | "localFile">;
  readonly results: Results;
  /** Loads what aggregates only when the first job of this kind comes. */
  readonly aggregation: () => Promise<Aggregation>;
}

/** Rejected rows that are named in the job's log. */
const LOGGED_REJECTS = 20;
const MEDIA_TYPES = {
  csv: "text/csv",
  jsonl: "application/jsonl",
  parquet: "application/vnd.apache.parquet",
};

export function aggregateHandler({
  files,
  results,
  aggregation,
}: AggregateOptions): JobHandler<AggregateInput> {
  return {
    kind: aggregateKind,
    async run(input, context): Promise<Json> {
      const file = await files.require(input.fileId);
      const total = file.size;
      const progress = (done: number, phase: string) =>
        context.progress({ done, total, unit: "bytes", phase });
      progress(0, "reading rows");
      const engine = await aggregation();
      const query = queryOf(input);
      const content = {
        size: total,
        open: () => files.read(file),
        localFile: () => files.localFile(file),
      };
      const found = await csvSource(content, columnsOf(query), input.format);
      logFormat(context, found);
      await using result = await engine.aggregate(found.source, query, {
        signal: context.signal,
        onProgress: (done) => progress(Math.min(done, total), "reading rows"),
      });
      logOutcome(context, result);
      requireFewRejects(input, result);
      progress(total, `writing ${result.groups} groups`);
      // Awaited here: the result is disposed of when this returns.
      return await store(results, context, result, { name: baseName(file.name), output: input.output });
    },
  };
}

async function store(
  results: Results,
  context: JobContext,
  { output: totals, rejectsOutput, groups, rows, excluded, rejected }: AggregationResult,
  { name, output }: { readonly name: string; readonly output: keyof typeof MEDIA_TYPES },
): Promise<Json> {
  const rejects = rejectsOutput
    ? await results.store(context, { name: `${name}_rejects.csv`, mediaType: "text/csv" }, rejectsOutput, {
        part: "rejects",
      })
    : null;
  const facts = { name: `${name}_totals.${output}`, mediaType: MEDIA_TYPES[output] };
  const stored = await results.store(context, facts, totals).catch(async (error: unknown) => {
    if (rejects) await results.discard(rejects);
    throw error;
  });
  const counts = { groups, rows, rejected, ...(excluded > 0 && { excluded }) };
  return { file: stored.id, ...counts, ...(rejects && { rejects: rejects.id }) };
}

/** Fault `invalid` when more rows were rejected than the input allows. */
export function requireFewRejects(
  { onBadRow, rejectLimit }: AggregateInput,
  result: AggregationResult,
): void {
  const limit = onBadRow === "fail" ? 0 : (rejectLimit ?? Number.POSITIVE_INFINITY);
  if (result.rejected <= limit) return;
  const [first] = result.rejects;
  const where = first ? `; line ${first.line}: ${first.reason}` : "";
  const bad = result.rejected === 1 ? "1 row is bad" : `${result.rejected} rows are bad`;
  throw new Fault("invalid", `${bad}, and ${limit} are allowed${where}`, {
    hint: "Mend the file, or allow more bad rows; they are set apart in a file of their own then.",
  });
}

/** All columns that are grouped by or measured. */
export function columnsOf({ groupBy, measures }: AggregationQuery): readonly string[] {
  return [...groupBy, ...measures.flatMap(({ column }) => (column === null ? [] : [column]))];
}

/** `plays.csv.gz` → `plays`. */
function baseName(name: string): string {
  const plain = name.replace(/\.(gz|zst)$/i, "").replace(/\.(csv|tsv|txt)$/i, "");
  return plain.slice(0, 1_000) || "file";
}

function logFormat(context: JobContext, { source, encoding, compression }: CsvSource): void {
  const { delimiter, quote, header } = source.format;
  const packed = compression === "none" ? "" : `${compression}, `;
  const columns = header ? "with a header" : "without a header";
  context.log(
    `reading ${packed}${encoding}, delimiter ${JSON.stringify(delimiter)}, quote ${quote}, ${columns}`,
  );
}

function logOutcome(
  context: JobContext,
  { groups, rows, excluded, rejected, rejects }: AggregationResult,
): void {
  const left = excluded > 0 ? `, ${excluded} left out by the condition` : "";
  context.log(`${rows} rows in ${groups} groups, ${rejected} rows rejected${left}`);
  for (const { line, reason, text } of rejects.slice(0, LOGGED_REJECTS)) {
    context.log(`rejected line ${line}: ${reason}: ${text.slice(0, 200)}`);
  }
}
