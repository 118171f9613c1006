// Aggregation by DuckDB: it computes in threads of its own, within a memory limit, and spills to scratch.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import type {
  Aggregation,
  AggregationQuery,
  AggregationResult,
  AggregationSource,
  CsvFormat,
} from "../../ports/aggregation.ts";
import { Fault, toFault } from "../../wire/faults.ts";
import { Header, readHeader } from "./header.ts";
import { localInput } from "./input.ts";
import { guardMemory } from "./memory-guard.ts";
import { COUNTS, GROUPS, haveFractions, writeOf } from "./output.ts";
import { type RangesOptions, writeInRanges } from "./ranges.ts";
import { isOutgrown, makeTotals, type TotalsOptions } from "./totals.ts";

export interface DuckdbAggregationOptions {
  /** A folder for spooled input, spilled state and output; created when it is not there. */
  readonly scratch: string;
  /** Bytes of the whole process, roughly. */
  readonly memory: number;
  readonly threads: number;
}

type Counts = Pick<AggregationResult, "groups" | "rows" | "excluded" | "rejected" | "rejects"> & {
  readonly rejectsPath: string;
};

const PLAIN: CsvFormat = { delimiter: ",", quote: '"', header: true };
const NOTHING: Counts = { groups: 0, rows: 0, excluded: 0, rejected: 0, rejects: [], rejectsPath: "" };
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
      const format = source.format ?? PLAIN;
      const input = await localInput(source, join(scratch, "input.csv"), signal);
      const header = new Header(await readHeader(Bun.file(input).stream(), format));
      const output = join(scratch, "output");
      let counts: Counts = NOTHING;
      if (header.names.length === 0) await Bun.write(output, emptyOutput(query));
      else {
        header.check(query);
        const run = { query, format, header, input, output, scratch, signal };
        counts = await this.#run(run, (share) => onProgress(Math.floor(source.size * share)));
      }
      const { rejectsPath, ...counted } = counts;
      return {
        ...counted,
        output: Bun.file(output).stream(),
        rejectsOutput: counted.rejected === 0 ? null : Bun.file(rejectsPath).stream(),
        [Symbol.asyncDispose]: dispose,
      };
    } catch (error) {
      await dispose();
      signal.throwIfAborted();
      throw explain(error);
    }
  }

  async #run(run: TotalsOptions, onShare: (share: number) => void): Promise<Counts> {
    const { signal, scratch } = run;
    const { DuckDBInstance } = await import("@duckdb/node-api");
    const instance = await DuckDBInstance.create(":memory:", this.#settings(scratch));
    const connection = await instance.connect();
    const interrupt = () => connection.interrupt();
    const progress = setInterval(() => {
      const { percentage } = connection.progress;
      if (percentage > 0) onShare(Math.min(1, percentage / 100));
    }, PROGRESS_MS);
    signal.addEventListener("abort", interrupt, { once: true });
    const limits = {
      most: this.#options.memory,
      buffers: this.#buffers,
      leastBuffers: LEAST_BUFFERS,
    };
    try {
      await using _ = await guardMemory(instance, limits);
      await connection.run("SET enable_progress_bar = true; SET enable_progress_bar_print = false");
      signal.throwIfAborted();
      const { written, ...rejected } = await makeTotals(connection, run);
      clearInterval(progress);
      if (written) return { ...written, excluded: 0, ...rejected };
      return { ...(await writeTotals(connection, run, this.#buffers)), ...rejected };
    } finally {
      clearInterval(progress);
      signal.removeEventListener("abort", interrupt);
      connection.closeSync();
      instance.closeSync();
    }
  }

  get #buffers(): number {
    return Math.max(LEAST_BUFFERS, this.#options.memory - SET_ASIDE);
  }

  #settings(scratch: string): Record<string, string> {
    return {
      memory_limit: `${Math.floor(this.#buffers / 1_048_576)}MiB`,
      threads: String(this.#options.threads),
      temp_directory: join(scratch, "spill"),
      preserve_insertion_order: "false",
      // Nothing is ever fetched from the network.
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
    };
  }
}

/** Counts what is in the table of totals, and writes it, within so many bytes. */
async function writeTotals(
  connection: DuckDBConnection,
  { query, output, signal }: TotalsOptions,
  buffers: number,
): Promise<Pick<Counts, "groups" | "rows" | "excluded">> {
  signal.throwIfAborted();
  const [[groups = 0, rows = 0, excluded = 0] = []] = await rowsOf(connection, COUNTS);
  const [[fractions] = []] = query.output === "parquet" ? await rowsOf(connection, haveFractions(query)) : [];
  const whole = fractions === false;
  signal.throwIfAborted();
  try {
    await connection.run(writeOf(query, output, GROUPS, { whole }));
  } catch (error) {
    // DuckDB does not always sort more text than its memory holds.
    if (!isOutgrown(error)) throw error;
    const written = await writeRanges(connection, { query, output, whole, signal }, buffers);
    if (written !== Number(groups)) throw new Error(`wrote ${written} of ${groups} groups`);
  }
  return { groups: Number(groups), rows: Number(rows), excluded: Number(excluded) };
}

/** A range that is sorted and written is in memory more than once, and ranges are not all alike. */
const RANGES_IN_MEMORY = [6, 24, 96];

/** In as few ranges as the memory allows. */
async function writeRanges(
  connection: DuckDBConnection,
  options: Omit<RangesOptions, "rangeBytes">,
  buffers: number,
): Promise<number> {
  for (const [i, inMemory] of RANGES_IN_MEMORY.entries()) {
    try {
      return await writeInRanges(connection, { ...options, rangeBytes: buffers / inMemory });
    } catch (error) {
      if (!isOutgrown(error) || i === RANGES_IN_MEMORY.length - 1) throw error;
    }
  }
  throw new Error("there is always a last try");
}

async function rowsOf(connection: DuckDBConnection, sql: string): Promise<readonly (readonly unknown[])[]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowsJson();
}

/** What a file without a header gives. */
function emptyOutput({ groupBy, measures, output }: AggregationQuery): string {
  if (output === "jsonl") return "";
  if (output === "parquet") throw new Fault("invalid", "the file is empty: it has no header");
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
  if (/^Out of Range Error: Overflow/.test(message)) {
    return new Fault("invalid", "a total is too large: numbers are exact below 10^29, and end there", cause);
  }
  if (/^(Invalid Input|Conversion|Out of Range) Error/.test(message)) {
    return new Fault("invalid", `the file cannot be aggregated: ${message}`, cause);
  }
  // Not DuckDB's own limit but the system's: an allocation failed, or the library could not be loaded.
  if (/Allocation failure|bad_alloc|failed to map segment|cannot allocate memory/i.test(message)) {
    return new Fault("internal", `the system gave the aggregation no more memory: ${message}`, {
      ...cause,
      hint: "Lower --job-memory, or give the machine more.",
    });
  }
  if (message.startsWith("Out of Memory")) {
    return new Fault("internal", `the aggregation does not fit into its memory: ${message}`, {
      ...cause,
      hint: "Raise --job-memory.",
    });
  }
  return new Fault("internal", `DuckDB: ${message}`, cause);
}
