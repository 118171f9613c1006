// Sorts an input that is not sorted, in runs of what fits into memory.

import type { LineOrder } from "./line-order.ts";
import { isSpecial } from "./line-order.ts";
import { compareKeys, type LineRecord, readRecords } from "./line-records.ts";
import type { MergeInput } from "./merge-input.ts";
import type { MergeRun, MergeScratch } from "./merge-scratch.ts";
import { HEADER, KEYLESS, writeHeader } from "./record-frames.ts";

/** What a record costs in memory beside its bytes. */
const OVERHEAD = 300;
const PIECE = 256 * 1024;

export interface SortOptions {
  readonly order: LineOrder;
  readonly signal?: AbortSignal | undefined;
  readonly longestLine: number;
  readonly scratch: MergeScratch;
  /** Bytes of records that are sorted in memory at one time. */
  readonly budget: number;
}

/**
 * Sorted runs of the input's records, in the order of what was read: merging them in this order is a stable sort. In orders
 * by keys they stand in the runs with their headers (record-frames.ts), otherwise as lines.
 */
export async function sortIntoRuns(
  input: MergeInput,
  { order, signal, longestLine, scratch, budget }: SortOptions,
): Promise<MergeRun[]> {
  const runs: MergeRun[] = [];
  let records: LineRecord[] = [];
  let held = 0;
  const keep = async () => {
    records.sort((a, b) => compareKeys(a.key, b.key, order));
    runs.push(await scratch.keep(inPieces(records, isSpecial(order))));
    records = [];
    held = 0;
  };
  try {
    for await (const batch of readRecords(input, { order, signal, longestLine })) {
      for (const record of batch) {
        records.push(record);
        held += record.key.length + record.bytes.length + OVERHEAD;
      }
      if (held > budget) await keep();
    }
    if (records.length > 0) await keep();
    return runs;
  } catch (error) {
    for (const run of runs) await run[Symbol.asyncDispose]();
    throw error;
  }
}

/** The records as pieces of a useful size. */
async function* inPieces(records: readonly LineRecord[], framed: boolean): AsyncGenerator<Uint8Array> {
  let parts: Buffer[] = [];
  let length = 0;
  for (const record of records) {
    if (framed) parts.push(headerOf(record));
    parts.push(record.bytes);
    length += record.bytes.length + (framed ? HEADER : 0);
    if (length < PIECE) continue;
    yield Buffer.concat(parts, length);
    parts = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(parts, length);
}

function headerOf({ keyLine = KEYLESS, bytes }: LineRecord): Buffer {
  const header = Buffer.alloc(HEADER);
  writeHeader(new DataView(header.buffer, header.byteOffset), 0, keyLine, bytes.length);
  return header;
}
