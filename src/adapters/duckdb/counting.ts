// Counts the totals that DuckDB has made, and gathers the rows that were set apart.

import type { DuckDBConnection } from "@duckdb/node-api";
import type { AggregationQuery, RejectedRow } from "../../ports/aggregation.ts";
import type { LocalInput } from "./input.ts";
import { text } from "./literals.ts";
import { CSV, fractionsOf } from "./output.ts";
import type { Statements } from "./statements.ts";

export interface Counted {
  readonly groups: number;
  readonly rows: number;
  readonly excluded: number;
  readonly rejected: number;
  readonly rejects: readonly RejectedRow[];
}

export interface CountedRun {
  readonly query: AggregationQuery;
  readonly statements: Pick<Statements, "reject">;
  readonly input: LocalInput;
  /** The path of the rejects file; written when there are any. */
  readonly rejects: string;
}

export const NOTHING: Counted = { groups: 0, rows: 0, excluded: 0, rejected: 0, rejects: [] };

/** `fractions`: some measure is no integer. */
export async function count(
  connection: DuckDBConnection,
  { query, statements, input, rejects }: CountedRun,
): Promise<Counted & { readonly fractions: boolean }> {
  const [totals = []] = await rowsOf(
    connection,
    `SELECT count(*) FILTER (WHERE good > 0), coalesce(sum(good), 0), coalesce(sum(excluded), 0),
      coalesce(sum(bad), 0) FROM totals`,
  );
  const [faulty = []] = await rowsOf(connection, "SELECT count(DISTINCT line) FROM reject_errors");
  const [fractions = []] = await rowsOf(connection, fractionsOf(query));
  const [groups = 0, rows = 0, excluded = 0, bad = 0] = totals.map(Number);
  const rejected = bad + Number(faulty[0]) + input.rejects.length;
  const counted = { groups, rows, excluded, rejected, fractions: fractions[0] === true };
  if (rejected === 0) return { ...counted, rejects: [] };
  for (const statement of statements.reject) await connection.run(statement);
  if (!input.inPlace) await connection.run("UPDATE rejects SET position = NULL");
  for (const row of input.rejects) await connection.run(insertOf(row));
  await connection.run(
    `COPY (SELECT line, position, reason, text FROM rejects ORDER BY line) TO ${text(rejects)} (${CSV})`,
  );
  const first = await rowsOf(
    connection,
    "SELECT line, position, reason, text FROM rejects ORDER BY line LIMIT 1000",
  );
  return { ...counted, rejects: first.map(rejectOf) };
}

async function rowsOf(connection: DuckDBConnection, sql: string): Promise<readonly (readonly unknown[])[]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowsJson();
}

/** A statement cannot hold a NUL. */
function insertOf({ line, position, reason, text: row }: RejectedRow): string {
  const values = [line, position, text(reason), text(row.replaceAll("\0", "\uFFFD"))];
  return `INSERT INTO rejects (line, position, reason, text) VALUES (${values.join(", ")})`;
}

function rejectOf([line, position, reason, row]: readonly unknown[]): RejectedRow {
  return {
    line: Number(line),
    position: position === null ? null : Number(position),
    reason: String(reason),
    text: String(row ?? ""),
  };
}
