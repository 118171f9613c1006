// Makes the table of totals: from the file as it is, or, when it is not sound, from what a sieve leaves of it.

import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import type { AggregationQuery, CsvFormat, RejectedRow } from "../../ports/aggregation.ts";
import type { Header } from "./header.ts";
import { numberSize } from "./numbers.ts";
import { looksSound } from "./scan.ts";
import { sift } from "./sieve.ts";
import { canBeNarrow, groupStatements, type NumberForm, numericColumns, type Reading } from "./statements.ts";

export interface TotalsOptions {
  /** The path of the file. */
  readonly input: string;
  readonly format: CsvFormat;
  readonly header: Header;
  readonly query: AggregationQuery;
  /** An existing folder. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

export interface Totals {
  readonly rejected: number;
  /** The first of them. */
  readonly rejects: readonly RejectedRow[];
  /** The path of all of them. */
  readonly rejectsPath: string;
}

export async function makeTotals(connection: DuckDBConnection, options: TotalsOptions): Promise<Totals> {
  const { input, format, header, query, scratch, signal } = options;
  const rejectsPath = join(scratch, "rejects.csv");
  const narrow = canBeNarrow(header, query);
  const looked = { quote: format.quote, blankLines: header.names.length === 1 };
  const form = (await looksSound(input, looked, signal))
    ? await tryForms(connection, options, narrow ? ["narrow", "wide"] : ["wide"])
    : undefined;
  if (form) return { rejected: 0, rejects: [], rejectsPath };
  const copy = join(scratch, "sound.csv");
  const numeric = numericColumns(header, query);
  const sieve = { path: input, format, columns: header.names, numeric, copy, rejects: rejectsPath };
  const sifted = await sift(sieve, signal);
  const sound = { path: copy, format: { ...format, header: false }, plainEnds: true };
  await groupByAnyThreads(connection, options, {
    ...sound,
    form: narrow && sifted.narrow ? "narrow" : "wide",
  });
  return { rejected: sifted.rejects.count, rejects: sifted.rejects.first, rejectsPath };
}

/** The first form that the file as it is can be read in; undefined if it is not sound. */
async function tryForms(
  connection: DuckDBConnection,
  options: TotalsOptions,
  forms: readonly NumberForm[],
): Promise<NumberForm | undefined> {
  const { input: path, format } = options;
  for (const form of forms) {
    try {
      await groupByAnyThreads(connection, options, { path, format, form });
      return form;
    } catch (error) {
      options.signal.throwIfAborted();
      if (!/^(Error: )?(Invalid Input|Conversion) Error/.test(String(error))) throw error;
      if (!isTooWide(String(error))) return undefined;
    }
  }
  return undefined;
}

/** Whether the reader stumbled over what is a number, but a large one. */
function isTooWide(error: string): boolean {
  const [, value] = /Could not convert string "(.*?)" to 'DECIMAL/s.exec(error) ?? [];
  return value !== undefined && numberSize(value) === "wide";
}

/** More passes over the file where the groups do not fit into the memory, since DuckDB cannot always spill them. */
const PASSES = [1, 8, 64];

async function group(
  connection: DuckDBConnection,
  { header, query, signal }: TotalsOptions,
  reading: Reading,
): Promise<void> {
  for (const [i, passes] of PASSES.entries()) {
    try {
      for (const statement of groupStatements(header, query, reading, passes)) {
        signal.throwIfAborted();
        await connection.run(statement);
      }
      return;
    } catch (error) {
      const outgrown = /^(Error: )?Out of Memory/.test(String(error)) && i < PASSES.length - 1;
      if (!outgrown) throw error;
    }
  }
}

/** Some files with line breaks in quotes DuckDB only reads by one thread, and says so. */
async function groupByAnyThreads(
  connection: DuckDBConnection,
  options: TotalsOptions,
  reading: Reading,
): Promise<void> {
  try {
    await group(connection, options, reading);
  } catch (error) {
    if (!/The Parallel CSV Reader currently does not support/.test(String(error))) throw error;
    await group(connection, options, { ...reading, parallel: false });
  }
}
