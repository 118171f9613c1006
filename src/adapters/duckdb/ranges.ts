// Writes totals that are too large to be sorted at once: one range of groups after the other, each sorted by itself.

import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import type { AggregationQuery } from "../../ports/aggregation.ts";
import { GROUPS, writeOf } from "./output.ts";

/** Between two ranges each; sampled, so that ranges are about equal whatever the groups are. */
const BOUNDS = 63;

export interface RangesOptions {
  readonly query: AggregationQuery;
  readonly output: string;
  readonly signal: AbortSignal;
}

/** Resolves with the number of groups written. Not for Parquet, whose files cannot be joined. */
export async function writeInRanges(
  connection: DuckDBConnection,
  { query, output, signal }: RangesOptions,
): Promise<number> {
  const key = `struct_pack(${query.groupBy.map((_, i) => `g${i} := g${i}`).join(", ")})`;
  await connection.run(`CREATE OR REPLACE TEMP TABLE bounds AS SELECT row_number() OVER (ORDER BY k) AS n, k
    FROM (SELECT ${key} AS k FROM ${GROUPS} USING SAMPLE reservoir(${BOUNDS} ROWS))`);
  const bounds = await connection.runAndReadAll("SELECT n FROM bounds");
  const last = bounds.currentRowCount;
  const bound = (n: number) => `(SELECT k FROM bounds WHERE n = ${n})`;
  let written = 0;
  for (let n = 0; n <= last; n++) {
    signal.throwIfAborted();
    const lower = n > 0 ? `AND ${key} >= ${bound(n)}` : "";
    const upper = n < last ? `AND ${key} < ${bound(n + 1)}` : "";
    const part = `${output}.part`;
    const copied = await connection.runAndReadAll(
      writeOf(query, part, `${GROUPS} ${lower} ${upper}`, { header: n === 0 }),
    );
    written += Number(copied.getRowsJson()[0]?.[0]);
    await pipeline(createReadStream(part), createWriteStream(output, { flags: n === 0 ? "w" : "a" }));
  }
  return written;
}
