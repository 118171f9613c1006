// Makes the totals: from the file as it is, or, when it is not sound, from what a sieve leaves of it.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import type { AggregationQuery, CsvFormat, RejectedRow } from "../../ports/aggregation.ts";
import { Fault } from "../../wire/faults.ts";
import type { Header } from "./header.ts";
import { numberSize } from "./numbers.ts";
import { writeOf } from "./output.ts";
import { NO_PROFILE, profileAt, scannedRows } from "./profile.ts";
import { looksSound } from "./scan.ts";
import { sift } from "./sieve.ts";
import {
  canBeNarrow,
  groupStatements,
  type NumberForm,
  numericColumns,
  type Reading,
  totalsSql,
} from "./statements.ts";

export interface TotalsOptions {
  /** The path of the file. */
  readonly input: string;
  readonly format: CsvFormat;
  readonly header: Header;
  readonly query: AggregationQuery;
  /** An existing folder. */
  readonly scratch: string;
  /** The path of the result. */
  readonly output: string;
  readonly signal: AbortSignal;
}

/** What was counted of a result that is written already. */
export interface Written {
  readonly groups: number;
  readonly rows: number;
}

export interface Totals {
  /** Undefined: the result is still to be written, of the table of totals. */
  readonly written: Written | undefined;
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
  const made = await ofSoundFile(connection, options, narrow ? ["narrow", "wide"] : ["wide"]);
  if (made) return { ...made, rejected: 0, rejects: [], rejectsPath };
  const copy = join(scratch, "sound.csv");
  const numeric = numericColumns(header, query);
  const sieve = { path: input, format, columns: header.names, numeric, copy, rejects: rejectsPath };
  const sifted = await sift(sieve, signal);
  const sound = { path: copy, format: { ...format, header: false }, plainEnds: true };
  const written = await groupByAnyThreads(connection, options, {
    ...sound,
    form: narrow && sifted.narrow ? "narrow" : "wide",
  });
  return { written, rejected: sifted.rejects.count, rejects: sifted.rejects.first, rejectsPath };
}

/**
 * The totals of the file as it is; undefined if it is not sound. DuckDB reads it while it is still looked through, which
 * then costs half the time on two processors, and reads no large file from the disk twice; what it made is thrown away
 * when the look finds something.
 */
async function ofSoundFile(
  connection: DuckDBConnection,
  options: TotalsOptions,
  forms: readonly NumberForm[],
): Promise<Pick<Totals, "written"> | undefined> {
  const { input, format, header } = options;
  const looked = { quote: format.quote, blankLines: header.names.length === 1 };
  const settled = new AbortController();
  const signal = AbortSignal.any([options.signal, settled.signal]);
  /** The first of the two that finds the file unsound, or fails, ends the other. */
  let ending: { readonly error?: unknown } | undefined;
  const end = (reason: { readonly error?: unknown }) => {
    ending ??= reason;
    settled.abort(new Fault("cancelled", "the other has ended"));
  };
  const ended = async <T>(work: Promise<T>, isSound: (value: T) => boolean): Promise<T | undefined> => {
    try {
      const value = await work;
      if (!isSound(value)) end({});
      return value;
    } catch (error) {
      end({ error });
      return undefined;
    }
  };
  const interrupts = interruptAfter(settled.signal, connection);
  const [, made] = await Promise.all([
    ended(looksSound(input, looked, signal), (isSound) => isSound),
    ended(tryForms(connection, { ...options, signal }, forms), (found) => found !== undefined),
  ]);
  interrupts.stop();
  if (ending?.error !== undefined) throw ending.error;
  return ending ? undefined : made;
}

/** Again and again, since what is interrupted between two statements begins the next one. */
function interruptAfter(signal: AbortSignal, connection: DuckDBConnection): { stop(): void } {
  let timer: Timer | undefined;
  const begin = () => {
    connection.interrupt();
    timer = setInterval(() => connection.interrupt(), INTERRUPT_MS);
  };
  signal.addEventListener("abort", begin, { once: true });
  return { stop: () => clearInterval(timer) };
}

const INTERRUPT_MS = 20;

/** By the first form that the file as it is can be read in; undefined if it is not sound. */
async function tryForms(
  connection: DuckDBConnection,
  options: TotalsOptions,
  forms: readonly NumberForm[],
): Promise<Pick<Totals, "written"> | undefined> {
  const { input: path, format } = options;
  for (const form of forms) {
    try {
      return { written: await groupByAnyThreads(connection, options, { path, format, form }) };
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
  options: TotalsOptions,
  reading: Reading,
): Promise<Written | undefined> {
  const { header, query, signal } = options;
  if (canBeWrittenAtOnce(query)) {
    try {
      return await writeAtOnce(connection, options, reading);
    } catch (error) {
      if (!isOutgrown(error)) throw error;
    }
  }
  for (const [i, passes] of PASSES.entries()) {
    try {
      for (const statement of groupStatements(header, query, reading, passes)) {
        signal.throwIfAborted();
        await connection.run(statement);
      }
      return undefined;
    } catch (error) {
      if (!isOutgrown(error) || i === PASSES.length - 1) throw error;
    }
  }
  return undefined;
}

export function isOutgrown(error: unknown): boolean {
  return /^(Error: )?Out of Memory/.test(String(error));
}

/** Parquet needs to know of all groups before it writes the first, and what a condition leaves out is counted as a group. */
function canBeWrittenAtOnce({ where, output }: AggregationQuery): boolean {
  return where === undefined && output !== "parquet";
}

/** Groups, sorts and writes in one statement: an eighth less work than with a table between, which could be counted. */
async function writeAtOnce(
  connection: DuckDBConnection,
  { header, query, scratch, output, signal }: TotalsOptions,
  reading: Reading,
): Promise<Written> {
  signal.throwIfAborted();
  const profile = join(scratch, "profile.json");
  const statement = writeOf(query, output, `(${totalsSql(header, query, reading)})`);
  await connection.run(profileAt(profile));
  let groups: number;
  try {
    const copied = await connection.runAndReadAll(statement);
    groups = Number(copied.getRowsJson()[0]?.[0]);
  } finally {
    await connection.run(NO_PROFILE);
  }
  return { groups, rows: scannedRows(await readFile(profile, "utf8")) };
}

/** Some files with line breaks in quotes DuckDB only reads by one thread, and says so. */
async function groupByAnyThreads(
  connection: DuckDBConnection,
  options: TotalsOptions,
  reading: Reading,
): Promise<Written | undefined> {
  try {
    return await group(connection, options, reading);
  } catch (error) {
    if (!/The Parallel CSV Reader currently does not support/.test(String(error))) throw error;
    return group(connection, options, { ...reading, parallel: false });
  }
}
