// The SQL that counts the totals, and writes them in the format that was asked for.

import type { AggregationQuery, Measure } from "../../ports/aggregation.ts";
import { DECIMAL, identifier, text } from "./literals.ts";

export interface WriteOptions {
  /** No measure has a fraction; only Parquet needs to know. */
  readonly whole?: boolean;
  /** With a header, where it is CSV; true by default. */
  readonly header?: boolean;
  /** Rows of a row group, where it is Parquet. */
  readonly rowGroup?: number;
}

/** The groups in the table of totals, without what the condition left out. */
export const GROUPS = "totals WHERE g0 IS NOT NULL";

/** The SQL that writes totals at `path`, and gives their number. */
export function writeOf(
  query: AggregationQuery,
  path: string,
  from: string,
  { whole = false, header = true, rowGroup }: WriteOptions = {},
): string {
  const order = query.groupBy.map((_, i) => `g${i}`).join(", ");
  const rows = `FROM ${from} ORDER BY ${order}`;
  switch (query.output ?? "csv") {
    case "csv":
      return `COPY (SELECT ${columns(query, (m) => m).join(", ")} ${rows}) TO ${text(path)} (${CSV}, HEADER ${header})`;
    case "parquet":
      return `COPY (SELECT ${columns(query, (m, measure) => typed(m, measure, whole)).join(", ")} ${rows})
        TO ${text(path)} (${parquetOf(rowGroup)})`;
    case "jsonl":
      return `COPY (SELECT ${jsonOf(query)} AS j ${rows}) TO ${text(path)} (${LINES})`;
  }
}

/** One row of what was counted: groups, rows, and those that the condition left out. */
export const COUNTS = `SELECT count(*) FILTER (WHERE g0 IS NOT NULL), coalesce(sum(rows) FILTER (WHERE g0 IS NOT NULL), 0),
  coalesce(sum(rows) FILTER (WHERE g0 IS NULL), 0) FROM totals`;

/** Whether any measure has a fraction, as the first column of one row. */
export function haveFractions({ measures }: AggregationQuery): string {
  const fractions = measures.flatMap(({ of }, i) =>
    of === "avg" || of === "count" ? [] : [`contains(m${i}, '.')`],
  );
  return fractions.length === 0
    ? "SELECT false"
    : `SELECT coalesce(bool_or(${fractions.join(" OR ")}), false) FROM ${GROUPS}`;
}

/** `rowGroup`: its rows; as DuckDB has it by default. */
export function parquetOf(rowGroup = 122_880): string {
  return `FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${rowGroup}`;
}

const CSV = `FORMAT csv, DELIMITER ',', QUOTE '"', ESCAPE '"', NULLSTR ''`;
/** One column of text as it is: JSON has no control characters, so nothing in it is a delimiter. */
const LINES = `FORMAT csv, HEADER false, DELIMITER '\u0001', QUOTE '', ESCAPE ''`;

function columns(query: AggregationQuery, value: (m: string, measure: Measure) => string): string[] {
  return [
    ...query.groupBy.map((name, i) => `g${i} AS ${identifier(name)}`),
    ...query.measures.map((measure, i) => `${value(`m${i}`, measure)} AS ${identifier(measure.name)}`),
  ];
}

function typed(m: string, { of }: Measure, whole: boolean): string {
  if (of === "count") return `CAST(${m} AS BIGINT)`;
  if (of === "avg") return `CAST(${m} AS DOUBLE)`;
  return `CAST(${m} AS ${whole ? "DECIMAL(38, 0)" : DECIMAL})`;
}

/** Measures are numbers with all their digits, which JSON allows. */
function jsonOf({ groupBy, measures }: AggregationQuery): string {
  const members = [
    ...groupBy.map((name, i) => [name, `CAST(to_json(g${i}) AS VARCHAR)`]),
    ...measures.map(({ name }, i) => [name, `coalesce(CAST(m${i} AS VARCHAR), 'null')`]),
  ].map(([name = "", value], i) => `${text(`${i === 0 ? "{" : ","}${JSON.stringify(name)}:`)} || ${value}`);
  return `${members.join(" || ")} || '}'`;
}
