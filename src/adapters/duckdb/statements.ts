// The SQL of one aggregation. Names from outside appear in it only as quoted output headers.

import type { AggregationQuery, CsvFormat, Measure } from "../../ports/aggregation.ts";
import { conditionColumns, conditionSql } from "./conditions.ts";
import type { Header } from "./header.ts";
import { DECIMAL, NARROW, text } from "./literals.ts";
import { LONGEST_LINE } from "./record-parser.ts";

/**
 * How numbers are read. `narrow`: by the reader itself, as DECIMAL(18, 9); it fails at the first that is no number or does
 * not fit. `wide`: as text and then, nearly always, as 64-bit integers that print as they were read, the others as
 * DECIMAL(38, 9), which is ten times slower; it fails at the first that is no number.
 */
export type NumberForm = "narrow" | "wide";

/** What is read: a file that is sound, or nearly always is; reading one that is not fails. */
export interface Reading {
  readonly path: string;
  readonly format: CsvFormat;
  readonly form: NumberForm;
  /** All line ends are `\n`, whatever stands within quotes. Else they are as the first one, which DuckDB finds by itself. */
  readonly plainEnds?: boolean;
  /** By several threads; true by default. */
  readonly parallel?: boolean;
}

/** The positions of the columns that must hold numbers. */
export function numericColumns(header: Header, { measures }: AggregationQuery): readonly number[] {
  return [
    ...new Set(
      measures.flatMap(({ of, column }) =>
        column === null || of === "count" ? [] : [header.position(column)],
      ),
    ),
  ];
}

/** Whether no column is both a number and something that only its text can tell. */
export function canBeNarrow(header: Header, query: AggregationQuery): boolean {
  const texts = new Set([...textColumns(header, query), ...whereColumns(header, query)]);
  return !numericColumns(header, query).some((position) => texts.has(`c${position}`));
}

/**
 * Fill the table `totals`: groups g0…, measures m0… (text, but counts and averages), and `rows` of each; the rows that the condition left out are one
 * group without names (g0 is NULL, which no field is). In `parts` passes over the file, each for a share of the
 * groups, where all of them at once do not fit into the memory. Columns are `c0`, `c1`, … by position in the file, so
 * that no header is ever part of a statement.
 */
export function groupStatements(
  header: Header,
  query: AggregationQuery,
  reading: Reading,
  parts: number,
): readonly string[] {
  const groups = query.groupBy.map((name) => `c${header.position(name)}`);
  return [...Array(parts).keys()].map((part) => {
    const share = parts > 1 ? `WHERE hash(${groups.join(", ")}) % ${parts} = ${part}` : "";
    return `${part === 0 ? "CREATE OR REPLACE TEMP TABLE totals AS" : "INSERT INTO totals"}
      ${totalsSql(header, query, reading, { share, counted: true })}`;
  });
}

/** All columns of the table `totals`; `rows` only where it is `counted`. */
export function totalsSql(
  header: Header,
  query: AggregationQuery,
  reading: Reading,
  { share = "", counted = false } = {},
): string {
  const { where } = query;
  const named = (c: string) => (where ? `CASE WHEN (${conditionSql(where, header)}) THEN ${c} END` : c);
  const columns = [
    ...query.groupBy.map((name, i) => `${named(`c${header.position(name)}`)} AS g${i}`),
    ...query.measures.map((measure, i) => `${measureOf(header, measure, reading.form)} AS m${i}`),
    ...(counted ? ["count(*) AS rows"] : []),
  ];
  const grouped = `SELECT ${columns.join(", ")} FROM ${rowsOf(header, query, reading, share)}
    GROUP BY ${query.groupBy.map((_, i) => i + 1).join(", ")}`;
  return reading.form === "narrow" ? printed(query, grouped, counted) : grouped;
}

/**
 * Narrow sums, minima and maxima as text. Printing a DECIMAL(38) takes longer than summing it up, so those that are
 * integers below 10^9, as nearly all are, go by a 64-bit integer (5 M rows, 1.6 M groups: 0.1 s instead of 0.5).
 */
function printed({ groupBy, measures }: AggregationQuery, grouped: string, counted: boolean): string {
  const decimals = measures.flatMap(({ of }, i) => (of === "avg" || of === "count" ? [] : [i]));
  const short = decimals.map((i) => `, TRY_CAST(m${i} AS ${NARROW}) AS s${i}`);
  const integers = decimals.map((i) => `, TRY_CAST(s${i} AS BIGINT) AS i${i}`);
  const columns = [
    ...groupBy.map((_, i) => `g${i}`),
    ...measures.map((_, i) =>
      decimals.includes(i)
        ? `CASE WHEN CAST(i${i} AS ${NARROW}) = s${i} THEN CAST(i${i} AS VARCHAR) ELSE ${plain(`m${i}`)} END AS m${i}`
        : `m${i}`,
    ),
    ...(counted ? ["rows"] : []),
  ];
  return `SELECT ${columns.join(", ")} FROM (SELECT *${integers.join("")} FROM (SELECT *${short.join("")} FROM (${grouped})))`;
}

/** The rows of the file; when numbers are wide, with each as integer (`i…`) or else decimal (`d…`). */
function rowsOf(header: Header, query: AggregationQuery, reading: Reading, share: string): string {
  const numeric = numericColumns(header, query).map((position) => `c${position}`);
  if (reading.form === "narrow" || numeric.length === 0) {
    return `(SELECT * FROM ${readCsv(header, reading, numeric)} ${share})`;
  }
  const wanted = new Set([...textColumns(header, query), ...whereColumns(header, query), ...numeric]);
  const integers = numeric.map(
    (c) =>
      `CASE WHEN CAST(TRY_CAST(${c} AS BIGINT) AS VARCHAR) = ${c} THEN TRY_CAST(${c} AS BIGINT) END AS i${c}`,
  );
  const decimals = numeric.map((c) => `CASE WHEN i${c} IS NULL THEN CAST(${c} AS ${DECIMAL}) END AS d${c}`);
  return `(SELECT ${["*", ...decimals].join(", ")} FROM (
    SELECT ${[...wanted, ...integers].join(", ")} FROM ${readCsv(header, reading, [])} ${share}))`;
}

/** Fails at the first row that is not as it should be (width, quoting, encoding, length). */
function readCsv(
  header: Header,
  { path, format, plainEnds, parallel = true }: Reading,
  narrow: readonly string[],
): string {
  const columns = header.names.map((_, i) => `'c${i}': '${narrow.includes(`c${i}`) ? NARROW : "VARCHAR"}'`);
  const all = header.names.map((_, i) => `'c${i}'`);
  return `read_csv(${text(path)}, auto_detect = false, header = ${format.header},
    delim = ${text(format.delimiter)}, quote = ${text(format.quote)}, escape = ${text(format.quote)},
    columns = {${columns.join(", ")}}, force_not_null = [${all.join(", ")}], strict_mode = true,
    max_line_size = ${LONGEST_LINE}, parallel = ${parallel}, buffer_size = 4194304${plainEnds ? ", new_line = '\\n'" : ""})`;
}

function textColumns(header: Header, { groupBy, measures }: AggregationQuery): readonly string[] {
  const counted = measures.flatMap(({ of, column }) => (of === "count" && column !== null ? [column] : []));
  return [...groupBy, ...counted].map((name) => `c${header.position(name)}`);
}

function whereColumns(header: Header, { where }: AggregationQuery): readonly string[] {
  return where ? conditionColumns(where, header) : [];
}

/** Narrow sums, minima and maxima are decimals, wide ones text. */
function measureOf(header: Header, { of, column }: Measure, form: NumberForm): string {
  if (column === null) return "count(*)";
  const c = `c${header.position(column)}`;
  if (of === "count") return `count(*) FILTER (WHERE ${c} <> '')`;
  if (form === "narrow") return of === "avg" ? `CAST(sum(${c}) AS DOUBLE) / count(*)` : `${of}(${c})`;
  const [sum, rest] = [`sum(i${c})`, `sum(d${c})`];
  switch (of) {
    case "sum":
      return `CASE WHEN ${rest} IS NULL THEN CAST(${sum} AS VARCHAR)
        ELSE ${plain(`CAST(coalesce(${sum}, 0) AS ${DECIMAL}) + ${rest}`)} END`;
    case "min":
    case "max":
      return plain(`${of}(CASE WHEN i${c} IS NULL THEN d${c} ELSE CAST(i${c} AS ${DECIMAL}) END)`);
    case "avg":
      return `(coalesce(CAST(${sum} AS DOUBLE), 0) + coalesce(CAST(${rest} AS DOUBLE), 0)) / count(*)`;
  }
}

/** A decimal as text without the zeros that its type appends. */
function plain(decimal: string): string {
  return `rtrim(rtrim(CAST(${decimal} AS VARCHAR), '0'), '.')`;
}
