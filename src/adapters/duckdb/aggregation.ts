// Aggregation by DuckDB: it computes in threads of its own, within a memory limit, and spills to scratch.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import type {
  Aggregation,
  AggregationQuery,
  AggregationResult,
  AggregationSource,
  RejectedRow,
} from "../../ports/aggregation.ts";
import { Fault, toFault } from "../../wire/faults.ts";
import { Header, readHeader } from "./header.ts";
import { localInput } from "./input.ts";
import { type Statements, statementsFor } from "./statements.ts";

export interface DuckdbAggregationOptions {
  /** A folder for spooled input, spilled state and output; created when it is not there. */
  readonly scratch: string;
  /** Bytes of the whole process, roughly. */
  readonly memory: number;
  readonly threads: number;
}

interface Counted {
  readonly groups: number;
  readonly rows: number;
  readonly rejected: number;
  readonly rejects: readonly RejectedRow[];
}

const PROGRESS_MS = 250;
/**
 * DuckDB's own limit counts its buffers only. The process peaked at about 155 MiB + 1.13 times that limit (5 M rows,
 * 2.3 M groups, limits from 100 to 400 MiB), so a part of the memory is set aside.
 */
const SET_ASIDE = 140 * 1_048_576;
const LEAST_BUFFERS = 96 * 1_048_576;

export class DuckdbAggregation implements Aggregation {
  readonly #options: DuckdbAggregationOptions;

  constructor(options: DuckdbAggregationOptions) {
    this.#options = options;
  }

  async aggregate(
    source: AggregationSource,
    query: AggregationQuery,
    {
      signal,
      onProgress,
    }: { readonly signal: AbortSignal; readonly onProgress: (doneBytes: number) => void },
  ): Promise<AggregationResult> {
    await mkdir(this.#options.scratch, { recursive: true });
    const scratch = await mkdtemp(join(this.#options.scratch, "aggregation-"));
    const dispose = () => rm(scratch, { recursive: true, force: true });
    try {
      signal.throwIfAborted();
      const input = await localInput(source, join(scratch, "input.csv"), signal);
      const header = new Header(await readHeader(Bun.file(input).stream()));
      const output = join(scratch, "output.csv");
      if (header.names.length === 0) {
        await Bun.write(output, headerLine(query));
        return { ...NOTHING, output: Bun.file(output).stream(), [Symbol.asyncDispose]: dispose };
      }
      header.check(query);
      const statements = statementsFor(header, query, { input, output });
      const counted = await this.#run(statements, header, { scratch, signal }, (share) =>
        onProgress(Math.floor(source.size * share)),
      );
      return { ...counted, output: Bun.file(output).stream(), [Symbol.asyncDispose]: dispose };
    } catch (error) {
      await dispose();
      signal.throwIfAborted();
      throw explain(error);
    }
  }

  async #run(
    statements: Statements,
    header: Header,
    { scratch, signal }: { readonly scratch: string; readonly signal: AbortSignal },
    onShare: (share: number) => void,
  ): Promise<Counted> {
    const { DuckDBInstance } = await import("@duckdb/node-api");
    const instance = await DuckDBInstance.create(":memory:", this.#settings(scratch));
    const connection = await instance.connect();
    const interrupt = () => connection.interrupt();
    const progress = setInterval(() => {
      const { percentage } = connection.progress;
      if (percentage > 0) onShare(Math.min(1, percentage / 100));
    }, PROGRESS_MS);
    signal.addEventListener("abort", interrupt, { once: true });
    try {
      await connection.run("SET enable_progress_bar = true; SET enable_progress_bar_print = false");
      signal.throwIfAborted();
      await group(connection, statements, signal);
      clearInterval(progress);
      signal.throwIfAborted();
      const counted = await count(connection, statements, header);
      signal.throwIfAborted();
      await connection.run(statements.write);
      return counted;
    } finally {
      clearInterval(progress);
      signal.removeEventListener("abort", interrupt);
      connection.closeSync();
      instance.closeSync();
    }
  }

  #settings(scratch: string): Record<string, string> {
    const buffers = Math.max(LEAST_BUFFERS, this.#options.memory - SET_ASIDE);
    return {
      memory_limit: `${Math.floor(buffers / 1_048_576)}MiB`,
      threads: String(this.#options.threads),
      temp_directory: join(scratch, "spill"),
      preserve_insertion_order: "false",
      // Nothing is ever fetched from the network.
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
    };
  }
}

/** More passes over the file where the groups do not fit into the memory, since DuckDB cannot always spill them. */
const PASSES = [1, 8, 64];

async function group(
  connection: DuckDBConnection,
  statements: Statements,
  signal: AbortSignal,
): Promise<void> {
  for (const [i, passes] of PASSES.entries()) {
    try {
      for (const statement of statements.group(passes)) {
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

const NOTHING: Counted = { groups: 0, rows: 0, rejected: 0, rejects: [] };

async function count(connection: DuckDBConnection, { reject }: Statements, header: Header): Promise<Counted> {
  const [totals = []] = await rowsOf(
    connection,
    "SELECT count(*) FILTER (WHERE good > 0), coalesce(sum(good), 0), coalesce(sum(bad), 0) FROM totals",
  );
  const [faulty = []] = await rowsOf(connection, "SELECT count(DISTINCT line) FROM reject_errors");
  const rejected = Number(totals[2]) + Number(faulty[0]);
  const counts = { groups: Number(totals[0]), rows: Number(totals[1]), rejected };
  if (rejected === 0) return { ...counts, rejects: [] };
  await connection.run(reject);
  const rows = await rowsOf(
    connection,
    "SELECT line, type, position, message, text FROM rejects ORDER BY line",
  );
  return { ...counts, rejects: rows.map((row) => rejectOf(row, header)) };
}

async function rowsOf(connection: DuckDBConnection, sql: string): Promise<readonly (readonly unknown[])[]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowsJson();
}

function rejectOf([line, type, position, message, text]: readonly unknown[], header: Header): RejectedRow {
  const column = header.names[Number(position) - 1] ?? "";
  const value = /Could not convert string "(.*)" to /s.exec(String(message))?.[1] ?? "";
  const reason =
    type === "CAST"
      ? `${column}: ${JSON.stringify(value.slice(0, 100))} is not a number`
      : String(message).split("\n", 1)[0];
  return { line: Number(line), reason: reason ?? "", text: String(text).trim().slice(0, 1_000) };
}

function headerLine({ groupBy, measures }: AggregationQuery): string {
  const names = [...groupBy, ...measures.map(({ name }) => name)];
  return `${names.map((name) => (/[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name)).join(",")}\n`;
}

/** DuckDB's errors by the first words of their messages, which are their types. */
function explain(error: unknown): Fault {
  const fault = toFault(error);
  if (fault.code !== "internal") return fault;
  const message = fault.message.split("\n", 1)[0] ?? "";
  const cause = { cause: error };
  if (message.startsWith("INTERRUPT")) return new Fault("cancelled", "the aggregation was cancelled", cause);
  if (/no space left|max_temp_directory_size/i.test(fault.message)) {
    return new Fault("no-space", "no space left for the scratch files of an aggregation", cause);
  }
  if (/^(Invalid Input|Conversion|Out of Range) Error/.test(message)) {
    return new Fault("invalid", `the file cannot be aggregated: ${message}`, cause);
  }
  if (message.startsWith("Out of Memory")) {
    return new Fault("internal", `the aggregation does not fit into its memory: ${message}`, {
      ...cause,
      hint: "Raise --job-memory.",
    });
  }
  return new Fault("internal", `DuckDB: ${message}`, cause);
}
