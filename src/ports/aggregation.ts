// Rows of a CSV, grouped and measured, with bad rows set apart. DuckDB fulfils it in the worker.

import type { LocalFile } from "./blobs.ts";

/** One output column that sums, counts, … a column of the input over each group. */
export interface Measure {
  /** The header of the output column. */
  readonly name: string;
  readonly of: "sum" | "count" | "min" | "max" | "avg";
  /**
   * A column of the input by its header; null for a plain `count` of rows. A `count` of a column counts the rows
   * where it is not empty; all others want a number in it: to 9 decimal places, below 10^29.
   */
  readonly column: string | null;
}

export interface AggregationQuery {
  /** Columns by header; matched without regard to case and surrounding spaces. Output in this order, ascending. */
  readonly groupBy: readonly string[];
  readonly measures: readonly Measure[];
}

export interface AggregationSource {
  /** The file itself where it lies on a local disk; else its bytes, which the adapter spools to its own scratch. */
  readonly content: LocalFile | AsyncIterable<Uint8Array>;
  /** Bytes, for progress. */
  readonly size: number;
}

export interface RejectedRow {
  /** From 1; the header is line 1. Line breaks inside quotes do not count. */
  readonly line: number;
  readonly reason: string;
  /** The row's text, cut at 1,000 characters. */
  readonly text: string;
}

export interface AggregationResult extends AsyncDisposable {
  /** CSV by RFC 4180 with a header and `\n` line ends, sorted by the group columns; read once. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Groups in the output. */
  readonly groups: number;
  /** Rows that were counted. */
  readonly rows: number;
  /** Rows that were set apart. */
  readonly rejected: number;
  /** The first of them, at most 1,000. */
  readonly rejects: readonly RejectedRow[];
}

/**
 * Contract, for every adapter:
 * - Memory stays within the limit the adapter was opened with, whatever the input; it spills to scratch.
 * - Sums of integers are exact, also beyond 2^53.
 * - No row vanishes: it is counted in `rows` or in `rejected`. A row of the wrong width (one empty field too many
 *   is forgiven), or without a number where a measure wants one, is rejected. Blank lines are no rows.
 * - Column names are data, never code.
 * - Disposing the result removes everything in scratch; so does a failure.
 * - Errors are Faults: `invalid` (no such column, not a CSV, ambiguous header), `cancelled`, `no-space`, `internal`.
 */
export interface Aggregation {
  aggregate(
    source: AggregationSource,
    query: AggregationQuery,
    options: { readonly signal: AbortSignal; readonly onProgress: (doneBytes: number) => void },
  ): Promise<AggregationResult>;
}
