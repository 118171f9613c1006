// The kinds of jobs there are, and the inputs they take.

import { z } from "zod";
import { AggregateInput } from "./aggregate-input.ts";
import { isDate } from "./dates.ts";
import type { JobKind } from "./kind.ts";

const CalendarDate = z.string().refine(isDate, "must be a calendar date as in 2019-08-17");

const MergeKey = z.strictObject({
  columns: z.array(z.int().min(1).max(10_000)).min(1).max(20).exactOptional(),
  delimiter: z.string().min(1).max(20).exactOptional(),
  time: z.boolean().exactOptional(),
});

const MergeInput = z
  .strictObject({
    /** The first and the last day, both inclusive. */
    start: CalendarDate,
    end: CalendarDate,
    /** How the lines are ordered: see compute/line-order.ts. */
    key: MergeKey.exactOptional(),
    reverse: z.boolean().exactOptional(),
    unique: z.boolean().exactOptional(),
    continuation: z.boolean().exactOptional(),
    prefix: z.boolean().exactOptional(),
    /** What becomes of a file that is not sorted; `fail` by default. */
    unsorted: z.enum(["fail", "sort"]).exactOptional(),
  })
  .refine(({ start, end }) => start <= end, "end is before start");

export type MergeInput = z.infer<typeof MergeInput>;

/** Merges the log files of a range of days out of the bucket. */
export const mergeKind: JobKind<MergeInput> = { name: "merge", input: MergeInput };

/** Totals over a CSV file; by default of the plays of each song on each date. */
export const aggregateKind: JobKind<AggregateInput> = { name: "aggregate", input: AggregateInput };
