// The kinds of jobs there are, and the inputs they take.

import { z } from "zod";
import { isDate } from "./dates.ts";
import type { JobKind } from "./kind.ts";

const CalendarDate = z.string().refine(isDate, "must be a calendar date as in 2019-08-17");

const MergeInput = z
  .strictObject({
    /** The first and the last day, both inclusive. */
    start: CalendarDate,
    end: CalendarDate,
  })
  .refine(({ start, end }) => start <= end, "end is before start");

const MeasureInput = z.strictObject({
  name: z.string().min(1).max(200),
  of: z.enum(["sum", "count", "min", "max", "avg"]),
  column: z.string().min(1).max(200).nullable(),
});

const QueryInput = z.strictObject({
  groupBy: z.array(z.string().min(1).max(200)).min(1).max(50),
  measures: z.array(MeasureInput).min(1).max(50),
});

const PLAYS_PER_DAY: z.infer<typeof QueryInput> = {
  groupBy: ["Song", "Date"],
  measures: [{ name: "Total Number of Plays for Date", of: "sum", column: "Number of Plays" }],
};

const AggregateInput = z.strictObject({
  fileId: z.string().min(1).max(100),
  query: QueryInput.default(PLAYS_PER_DAY),
});

export type MergeInput = z.infer<typeof MergeInput>;
export type AggregateInput = z.infer<typeof AggregateInput>;

/** Merges the log files of a range of days out of the bucket. */
export const mergeKind: JobKind<MergeInput> = { name: "merge", input: MergeInput };

/** Totals over a CSV file; by default of the plays of each song on each date. */
export const aggregateKind: JobKind<AggregateInput> = { name: "aggregate", input: AggregateInput };
