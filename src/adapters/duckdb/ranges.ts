// Writes totals that are too large to be sorted at once: one range of groups after the other, each sorted by itself.

import { createReadStream, createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import type { AggregationQuery } from "../../ports/aggregation.ts";
import { text } from "./literals.ts";
import { GROUPS, parquetOf, writeOf } from "./output.ts";

export interface RangesOptions {
  readonly query: AggregationQuery;
  /** The path of the result. */
  readonly output: string;
  /** As for `writeOf`. */
  readonly whole: boolean;
  /** Of one range, about. */
  readonly rangeBytes: number;
  readonly signal: AbortSignal;
}

/** Each range is a scan of all totals, so there are no more than are needed; their borders come from a sample. */
const MOST_RANGES = 256;
/** Bytes of a group beside its text. */
const OVERHEAD = 64;

/** Bytes of a row group of Parquet, which the writer holds several times, for each thread. */
const ROW_GROUP = 8 * 1_048_576;
const VECTOR = 2_048;

/** Resolves with the number of groups written. */
export async function writeInRanges(connection: DuckDBConnection, options: RangesOptions): Promise<number> {
  const { query, output, whole, signal } = options;
  const { ranges, rowGroup } = await planOf(connection, options);
  const key = `struct_pack(${query.groupBy.map((_, i) => `g${i} := g${i}`).join(", ")})`;
  await connection.run(`CREATE OR REPLACE TEMP TABLE bounds AS SELECT row_number() OVER (ORDER BY k) AS n, k
    FROM (SELECT ${key} AS k FROM ${GROUPS} USING SAMPLE reservoir(${ranges - 1} ROWS))`);
  const bounds = await connection.runAndReadAll("SELECT n FROM bounds");
  const last = bounds.currentRowCount;
  const bound = (n: number) => `(SELECT k FROM bounds WHERE n = ${n})`;
  const parts: string[] = [];
  let written = 0;
  for (let n = 0; n <= last; n++) {
    signal.throwIfAborted();
    const lower = n > 0 ? `AND ${key} >= ${bound(n)}` : "";
    const upper = n < last ? `AND ${key} < ${bound(n + 1)}` : "";
    const part = `${output}.${n}`;
    const from = `${GROUPS} ${lower} ${upper}`;
    const statement = writeOf(query, part, from, { whole, header: n === 0, rowGroup });
    const copied = await connection.runAndReadAll(statement);
    written += Number(copied.getRowsJson()[0]?.[0]);
    parts.push(part);
    if (query.output !== "parquet") await append(part, output, n === 0);
  }
  if (query.output === "parquet") await joinParquet(connection, parts, rowGroup, options);
  return written;
}

/** So many ranges that each is about as large as was asked for; at least 2, since all at once did not fit. */
async function planOf(
  connection: DuckDBConnection,
  { query, rangeBytes }: RangesOptions,
): Promise<{ readonly ranges: number; readonly rowGroup: number }> {
  const sizes = query.groupBy.map((_, i) => `strlen(g${i})`).join(" + ");
  const reader = await connection.runAndReadAll(
    `SELECT CAST(coalesce(avg(${sizes}), 0) AS DOUBLE), CAST(count(*) AS DOUBLE) FROM ${GROUPS}`,
  );
  const [average = 0, groups = 0] = (reader.getRowsJson()[0] ?? []).map(Number);
  const bytes = average + OVERHEAD;
  const vectors = Math.floor(ROW_GROUP / bytes / VECTOR);
  return {
    ranges: Math.max(2, Math.min(MOST_RANGES, Math.ceil((groups * bytes) / rangeBytes))),
    rowGroup: VECTOR * Math.max(1, Math.min(60, vectors)),
  };
}

async function append(part: string, output: string, isFirst: boolean): Promise<void> {
  await pipeline(createReadStream(part), createWriteStream(output, { flags: isFirst ? "w" : "a" }));
  await rm(part);
}

/** Parquet cannot be appended to: the parts are read again, one row group after the other, in their order. */
async function joinParquet(
  connection: DuckDBConnection,
  parts: readonly string[],
  rowGroup: number,
  { output, signal }: RangesOptions,
): Promise<void> {
  signal.throwIfAborted();
  await connection.run("SET preserve_insertion_order = true; SET threads = 1");
  await connection.run(`COPY (SELECT * FROM read_parquet([${parts.map(text).join(", ")}])) TO ${text(output)}
    (${parquetOf(rowGroup)})`);
  for (const part of parts) await rm(part);
}
