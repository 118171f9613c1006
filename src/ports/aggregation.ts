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
  /** Chooses among the sound rows; the others are counted as `excluded`. */
  readonly where?: Condition;
  /** Default `csv`. */
  readonly output?: OutputFormat;
}

/**
 * `csv`: RFC 4180 with a header and `\n` line ends. `jsonl`: an object a line, measures as numbers with all their
 * digits. `parquet`: groups as text, counts as BIGINT, averages as DOUBLE, other measures as DECIMAL of 38 digits.
 */
export type OutputFormat = "csv" | "jsonl" | "parquet";

/** A number as it was written, exact; or a text. */
export type ConditionValue = { readonly number: string } | { readonly text: string };

/**
 * True or false, never unknown. Compared with a number, a field that is no number is false (so is `<>`); with a text, the
 * order is by code point. `empty` is the empty field.
 */
export type Condition =
  | {
      readonly is: "compare";
      readonly column: string;
      readonly operator: "=" | "<>" | "<" | "<=" | ">" | ">=";
      readonly value: ConditionValue;
    }
  | { readonly is: "in"; readonly column: string; readonly values: readonly ConditionValue[] }
  | { readonly is: "empty"; readonly column: string }
  | { readonly is: "not"; readonly of: Condition }
  | { readonly is: "and" | "or"; readonly of: readonly Condition[] };

/** How the fields stand in the file. */
export interface CsvFormat {
  /** One ASCII character. */
  readonly delimiter: string;
  /** One ASCII character; doubled inside of a quoted field. */
  readonly quote: string;
  /** False: the columns are called column1, column2, … */
  readonly header: boolean;
}

export interface AggregationSource {
  /** The file itself where it lies on a local disk; else its bytes, which the adapter spools to its own scratch. */
  readonly content: LocalFile | AsyncIterable<Uint8Array>;
  /** Bytes, for progress. */
  readonly size: number;
  /** Default: commas, double quotes, a header. */
  readonly format?: CsvFormat;
}

export interface RejectedRow {
  /** From 1; the header is line 1. Line breaks inside quotes do not count. */
  readonly line: number;
  /** Of its first byte in the text. */
  readonly position: number;
  readonly reason: string;
  /** The row's text, cut at 1,000 characters. */
  readonly text: string;
}

export interface AggregationResult extends AsyncDisposable {
  /** In the format that was asked for, sorted by the group columns; read once. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Groups in the output. */
  readonly groups: number;
  /** Rows that were counted. */
  readonly rows: number;
  /** Sound rows that `where` left out. */
  readonly excluded: number;
  /** Rows that were set apart. */
  readonly rejected: number;
  /** The first of them, at most 1,000. */
  readonly rejects: readonly RejectedRow[];
  /** All of them as CSV: line, position, reason, text; null if there are none. Read once. */
  readonly rejectsOutput: AsyncIterable<Uint8Array> | null;
}

/**
 * Contract, for every adapter:
 * - Memory stays within the limit the adapter was opened with, whatever the input; it spills to scratch.
 * - Sums of integers are exact, also beyond 2^53.
 * - The text is UTF-8, with or without a byte order mark.
 * - No row vanishes: it is counted in `rows`, `excluded` or `rejected`, and all that are rejected are in `rejectsOutput`. A
 *   row of the wrong width (empty fields behind the last column are forgiven), or without a number where a measure wants
 *   one, is rejected. A quote that is not closed within 1 MiB rejects its line alone; a quote within a field that does not
 *   begin with one is text. Blank lines are no rows.
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
