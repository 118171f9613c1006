// `cairn aggregate --local`: the job's own code on a file or standard input, without a server.

import { createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { DuckdbAggregation } from "../adapters/duckdb/aggregation.ts";
import { columnsOf, requireFewRejects } from "../domain/jobs/aggregate.ts";
import { queryOf } from "../domain/jobs/aggregate-input.ts";
import { csvSource } from "../domain/jobs/csv-source.ts";
import { parseInput } from "../domain/jobs/kind.ts";
import { aggregateKind } from "../domain/jobs/kinds.ts";
import { Fault, toFault } from "../wire/faults.ts";

export interface LocalAggregate {
  /** `-` is standard input; it is kept in a temporary file meanwhile. */
  readonly path: string;
  /** As in a job, without the file's id. */
  readonly input: Readonly<Record<string, unknown>>;
  /** Bytes. */
  readonly memory: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
  /** Take the bytes of the result, and of the rows that were set apart. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly writeRejects: ((bytes: Uint8Array) => Promise<void>) | undefined;
}

export interface LocalCounts {
  readonly groups: number;
  readonly rows: number;
  readonly excluded: number;
  readonly rejected: number;
}

export async function aggregateLocal(options: LocalAggregate): Promise<LocalCounts> {
  const input = parseInput(aggregateKind, { ...options.input, fileId: "local" });
  const scratch = await mkdtemp(join(tmpdir(), "cairn-aggregate-"));
  try {
    const path = options.path === "-" ? await spool(join(scratch, "stdin"), options.signal) : options.path;
    const { size } = await statOf(path);
    const file = Bun.file(path);
    const content = { size, open: () => file.stream(), localFile: async () => ({ path }) };
    const query = queryOf(input);
    const { source } = await csvSource(content, columnsOf(query), input.format);
    const threads = Math.min(4, navigator.hardwareConcurrency);
    const engine = new DuckdbAggregation({ scratch, memory: options.memory, threads });
    await using result = await engine.aggregate(source, query, {
      signal: options.signal,
      onProgress: (done) => options.onProgress(done, size),
    });
    const { output, rejectsOutput, groups, rows, excluded, rejected } = result;
    if (rejectsOutput && options.writeRejects) await copy(rejectsOutput, options.writeRejects);
    requireFewRejects(input, result);
    await copy(output, options.write);
    return { groups, rows, excluded, rejected };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function statOf(path: string): Promise<{ readonly size: number }> {
  try {
    const found = await stat(path);
    if (found.isFile()) return found;
  } catch (error) {
    throw new Fault("not-found", `${path} cannot be read: ${toFault(error).message}`, { cause: error });
  }
  throw new Fault("invalid", `${path} is not a file`, { hint: "'-' reads standard input." });
}

async function spool(path: string, signal: AbortSignal): Promise<string> {
  await pipeline(Readable.from(process.stdin), createWriteStream(path), { signal });
  return path;
}

async function copy(
  source: AsyncIterable<Uint8Array>,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  for await (const piece of source) await write(piece);
}
