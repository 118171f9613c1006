// The SQL of one aggregation. Names from outside appear in it only as quoted output headers.

import type { AggregationQuery, CsvFormat, Measure } from "../../ports/aggregation.ts";
import { conditionColumns, conditionSql } from "./conditions.ts";
import type { Header } from "./header.ts";
import { DECIMAL, text } from "./literals.ts";

/** Columns are `c0`, `c1`, … by position in the file, so that no header is ever part of a statement. */
export interface Statements {
  /**
   * Fill the table `totals`: groups g0…, measures m0…, and per group `good`, `bad` and `excluded` rows. In `parts`
   * passes over the file, each for a share of the groups, where all of them at once do not fit into the memory.
   */
  readonly group: (parts: number) => readonly string[];
  /** Makes the table `rejects` of all rows that were set apart, by reading the file again. */
  readonly reject: readonly string[];
}

/**
 * Numbers are read as text and then, nearly always, as 64-bit integers that print as they were read: exact, and ten
 * times faster than DuckDB's DECIMAL(38), which only the others go through (5 M rows: 1.2 s against 12.9 s).
 */
export function statementsFor(
  header: Header,
  query: AggregationQuery,
  format: CsvFormat,
  input: string,
): Statements {
  const groups = query.groupBy.map((name) => `c${header.position(name)}`);
  const numeric = [...new Set(query.measures.flatMap((measure) => numericColumn(header, measure)))];
  const rows = checkedRows(header, query, numeric, { groups, file: readCsv(header, format, input) });
  const columns = [
    ...groups.map((c, i) => `${c} AS g${i}`),
    ...query.measures.map((measure, i) => `${measureOf(header, measure)} AS m${i}`),
    "count(*) FILTER (WHERE hit) AS good",
    "count(*) FILTER (WHERE NOT sound) AS bad",
    `${query.where ? "count(*) FILTER (WHERE sound AND NOT hit)" : "0"} AS excluded`,
  ];
  return {
    group: (parts) =>
      [...Array(parts).keys()].map(
        (part) => `
      ${part === 0 ? "CREATE OR REPLACE TEMP TABLE totals AS" : "INSERT INTO totals"}
      SELECT ${columns.join(", ")}
      FROM (${rows(parts > 1 ? `WHERE hash(${groups.join(", ")}) % ${parts} = ${part}` : "")})
      GROUP BY ${groups.map((_, i) => i + 1).join(", ")}`,
      ),
    reject: rejectsOf(header, format, numeric, input),
  };
}

/** The rows of the file with each number as integer (`i…`) or else decimal (`d…`), whether it is `sound`, and a `hit`. */
function checkedRows(
  header: Header,
  { measures, where }: AggregationQuery,
  numeric: readonly string[],
  { groups, file }: { readonly groups: readonly string[]; readonly file: string },
): (share: string) => string {
  const wanted = new Set([
    ...groups,
    ...measures.flatMap((measure) => countedColumn(header, measure)),
    ...(where ? conditionColumns(where, header) : []),
  ]);
  const integers = numeric.flatMap((c) => [
    `CASE WHEN CAST(TRY_CAST(${c} AS BIGINT) AS VARCHAR) = ${c} THEN TRY_CAST(${c} AS BIGINT) END AS i${c}`,
    `${c} AS t${c}`,
  ]);
  const decimals = numeric.map(
    (c) => `CASE WHEN i${c} IS NULL THEN TRY_CAST(t${c} AS ${DECIMAL}) END AS d${c}`,
  );
  const sound = numeric.map((c) => `(i${c} IS NOT NULL OR d${c} IS NOT NULL)`).join(" AND ") || "true";
  const hit = where ? `sound AND (${conditionSql(where, header)})` : "sound";
  return (share) => `SELECT *, ${hit} AS hit FROM (SELECT *, ${sound} AS sound FROM (
    SELECT ${["*", ...decimals].join(", ")} FROM (SELECT ${[...wanted, ...integers].join(", ")} FROM ${file} ${share})))`;
}

/** Structural faults (width, quoting, encoding, length) are set apart by the reader itself, with line and text. */
function readCsv(header: Header, format: CsvFormat, path: string, numeric: readonly string[] = []): string {
  const columns = header.names.map(
    (_, i) => `'c${i}': '${numeric.includes(`c${i}`) ? "DECIMAL(18, 0)" : "VARCHAR"}'`,
  );
  const all = header.names.map((_, i) => `'c${i}'`);
  return `read_csv(${text(path)}, auto_detect = false, header = ${format.header},
    delim = ${text(format.delimiter)}, quote = ${text(format.quote)}, escape = ${text(format.quote)},
    columns = {${columns.join(", ")}}, force_not_null = [${all.join(", ")}], strict_mode = true,
    ignore_errors = true, store_rejects = true, rejects_limit = 0, buffer_size = 4194304)`;
}

/**
 * Reading the numbers as DECIMAL(18, 0) rejects, with line and text, all that is no number, and some large ones that
 * are; those are told apart by their text, which the message quotes.
 */
function rejectsOf(
  header: Header,
  format: CsvFormat,
  numeric: readonly string[],
  path: string,
): readonly string[] {
  const read = numeric.length === 0 ? ["c0"] : numeric;
  return [
    `CREATE TEMP TABLE scanned AS SELECT count(*) AS rows FROM ${readCsv(header, format, path, numeric)}
      WHERE ${read.join(" IS NULL OR ")} IS NULL`,
    // A line begins with the second half of the line end before it where that is `\r\n`.
    `CREATE TEMP TABLE rejects AS
      SELECT line, first(line_byte_position - 1 + CASE WHEN starts_with(csv_line, chr(10)) THEN 1 ELSE 0 END) AS position,
        first(CASE WHEN error_type = 'CAST'
          THEN list_extract([${header.names.map(text).join(", ")}], CAST(column_idx AS BIGINT)) || ': ' ||
            CAST(to_json(value[1:100]) AS VARCHAR) || ' is not a number'
          ELSE split_part(error_message, chr(10), 1) END) AS reason,
        first(trim(csv_line[1:2000], chr(10) || chr(13))[1:1000]) AS text
      FROM (SELECT *, regexp_extract(error_message, 'Could not convert string "(.*)" to ', 1, 's') AS value
        FROM reject_errors)
      WHERE error_type <> 'CAST' OR TRY_CAST(value AS ${DECIMAL}) IS NULL
      GROUP BY line`,
  ];
}

function measureOf(header: Header, measure: Measure): string {
  if (measure.column === null) return "count(*) FILTER (WHERE hit)";
  const c = `c${header.position(measure.column)}`;
  const sum = `sum(i${c}) FILTER (WHERE hit)`;
  const rest = `sum(d${c}) FILTER (WHERE hit)`;
  const number = `CASE WHEN i${c} IS NULL THEN d${c} ELSE CAST(i${c} AS ${DECIMAL}) END`;
  switch (measure.of) {
    case "count":
      return `count(*) FILTER (WHERE hit AND ${c} <> '')`;
    case "sum":
      return `CASE WHEN ${rest} IS NULL THEN CAST(${sum} AS VARCHAR)
        ELSE ${plain(`CAST(coalesce(${sum}, 0) AS ${DECIMAL}) + ${rest}`)} END`;
    case "min":
    case "max":
      return plain(`${measure.of}(${number}) FILTER (WHERE hit)`);
    case "avg":
      return `(coalesce(CAST(${sum} AS DOUBLE), 0) + coalesce(CAST(${rest} AS DOUBLE), 0))
        / count(*) FILTER (WHERE hit)`;
  }
}

/** A decimal as text without the zeros that its type appends. */
function plain(decimal: string): string {
  return `rtrim(rtrim(CAST(${decimal} AS VARCHAR), '0'), '.')`;
}

function numericColumn(header: Header, { of, column }: Measure): string[] {
  return column === null || of === "count" ? [] : [`c${header.position(column)}`];
}

function countedColumn(header: Header, { of, column }: Measure): string[] {
  return column !== null && of === "count" ? [`c${header.position(column)}`] : [];
}
