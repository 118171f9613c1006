// What an aggregation job takes: a file, a query in one of its forms, and how the file is written.

import { z } from "zod";
import { TEXT_ENCODINGS } from "../../compute/text-encoding.ts";
import type { AggregationQuery } from "../../ports/aggregation.ts";
import { isFault } from "../../wire/faults.ts";
import { parseCondition } from "./condition.ts";
import { parseMeasure } from "./measures.ts";

const Name = z.string().min(1).max(200).refine(hasNoNul, "may not contain NUL");

const MeasureInput = z.strictObject({
  name: Name,
  of: z.enum(["sum", "count", "min", "max", "avg"]),
  column: Name.nullable(),
});

/** The short form is checked after the union, whose own errors do not tell what is wrong within. */
const Measures = z
  .union([
    z.array(MeasureInput).min(1).max(50),
    z.record(Name, z.string().max(500).refine(hasNoNul, "may not contain NUL")),
  ])
  .superRefine((measures, context) => {
    if (Array.isArray(measures)) return;
    const entries = Object.entries(measures);
    if (entries.length < 1 || entries.length > 50) context.addIssue("1 to 50 measures are needed");
    for (const [name, text] of entries) explain(context, () => parseMeasure(name, text));
  });

const Where = z
  .string()
  .max(10_000)
  .refine(hasNoNul, "may not contain NUL")
  .superRefine((text, context) => explain(context, () => parseCondition(text)));

const QueryInput = z
  .strictObject({
    groupBy: z.array(Name).min(1).max(50),
    measures: Measures,
    where: Where.exactOptional(),
  })
  .superRefine(({ groupBy, measures }, context) => {
    const names = [
      ...groupBy,
      ...(Array.isArray(measures) ? measures.map(({ name }) => name) : Object.keys(measures)),
    ];
    const twice = names.find((name, i) => names.findIndex((other) => isSame(name, other)) < i);
    if (twice !== undefined) context.addIssue(`the result would have two columns ${JSON.stringify(twice)}`);
  });

const PLAYS_PER_DAY: z.infer<typeof QueryInput> = {
  groupBy: ["Song", "Date"],
  measures: [{ name: "Total Number of Plays for Date", of: "sum", column: "Number of Plays" }],
};

const OneByte = z.string().regex(/^[ -~\t]$/, "must be one ASCII character");

export const AggregateInput = z.strictObject({
  fileId: z.string().min(1).max(100),
  query: QueryInput.default(PLAYS_PER_DAY),
  output: z.enum(["csv", "jsonl", "parquet"]).default("csv"),
  /** How the file is written; what is not said is detected. */
  format: z
    .strictObject({
      delimiter: OneByte.exactOptional(),
      quote: OneByte.exactOptional(),
      header: z.boolean().exactOptional(),
      encoding: z.enum(TEXT_ENCODINGS).exactOptional(),
      compression: z.enum(["none", "gzip", "zstd"]).exactOptional(),
    })
    .refine(
      ({ delimiter, quote }) => delimiter === undefined || delimiter !== quote,
      "the delimiter and the quote must differ",
    )
    .default({}),
  /** `fail`: the first bad row fails the job. */
  onBadRow: z.enum(["reject", "fail"]).default("reject"),
  /** More rejected rows than that fail the job; none by default. */
  rejectLimit: z.number().int().min(0).exactOptional(),
});

export type AggregateInput = z.infer<typeof AggregateInput>;

export function queryOf({ query, output }: AggregateInput): AggregationQuery {
  const measures = Array.isArray(query.measures)
    ? query.measures
    : Object.entries(query.measures).map(([name, text]) => parseMeasure(name, text));
  const where = query.where === undefined ? {} : { where: parseCondition(query.where) };
  return { groupBy: query.groupBy, measures, output, ...where };
}

/** Where text goes through C, it would end there. */
function hasNoNul(text: string): boolean {
  return !text.includes("\0");
}

/** As columns are found by header. */
function isSame(name: string, other: string): boolean {
  return name.trim().toLowerCase() === other.trim().toLowerCase();
}

function explain(context: z.core.$RefinementCtx, parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    if (!isFault(error)) throw error;
    context.addIssue(error.hint ? `${error.message}; ${error.hint}` : error.message);
  }
}
