// Runs of records: as bytes in scratch space, and made by sorting an input that is not sorted.

import { Fault } from "../wire/faults.ts";
import type { LineOrder } from "./line-order.ts";
import { compareKeys, type LineRecord } from "./line-records.ts";
import type { MergeRun, MergeScratch } from "./merge-scratch.ts";

/** What a record costs in memory beside its bytes. */
const OVERHEAD = 300;
const PIECE = 256 * 1024;
/** The two lengths before a record. */
const HEAD = 8;

/** As records: both lengths, key, bytes. */
export function encodeRecord({ key, bytes }: LineRecord): Buffer[] {
  const head = Buffer.allocUnsafe(HEAD);
  head.writeUInt32LE(key.length, 0);
  head.writeUInt32LE(bytes.length, 4);
  return [head, Buffer.from(key.buffer, key.byteOffset, key.length), bytes];
}

/** The records of a run, as many at a time as a piece of it holds. */
export async function* decodeRecords(run: AsyncIterable<Uint8Array>): AsyncGenerator<LineRecord[]> {
  let parts: Uint8Array[] = [];
  let held = 0;
  let needed = HEAD;
  for await (const piece of run) {
    parts.push(piece);
    held += piece.length;
    // A large record is put together once, not anew with each of its pieces.
    if (held < needed) continue;
    const { records, rest, next } = split(Buffer.concat(parts, held));
    parts = [rest];
    held = rest.length;
    needed = next;
    if (records.length > 0) yield records;
  }
  if (held > 0) throw new Fault("corrupt", "an intermediate run ends within a record");
}

/** `next`: how many bytes the record at the beginning of `rest` needs, as far as is known. */
function split(bytes: Buffer): { records: LineRecord[]; rest: Buffer; next: number } {
  const records: LineRecord[] = [];
  for (let start = 0; ; ) {
    if (bytes.length - start < HEAD) return { records, rest: bytes.subarray(start), next: HEAD };
    const key = start + HEAD + bytes.readUInt32LE(start);
    const end = key + bytes.readUInt32LE(start + 4);
    if (bytes.length < end) return { records, rest: bytes.subarray(start), next: end - start };
    records.push({ key: bytes.subarray(start + HEAD, key), bytes: bytes.subarray(key, end) });
    start = end;
  }
}

export interface SortOptions {
  readonly order: LineOrder;
  readonly scratch: MergeScratch;
  /** Bytes of records that are sorted in memory at one time. */
  readonly budget: number;
  /** How records stand in the runs. */
  readonly encode: (record: LineRecord) => readonly Buffer[];
}

/** Sorted runs of the records, in the order of what was read: merging them in this order is a stable sort. */
export async function sortIntoRuns(
  batches: AsyncIterable<readonly LineRecord[]>,
  { order, scratch, budget, encode }: SortOptions,
): Promise<MergeRun[]> {
  const runs: MergeRun[] = [];
  let records: LineRecord[] = [];
  let held = 0;
  const keep = async () => {
    records.sort((a, b) => compareKeys(a.key, b.key, order));
    runs.push(await scratch.keep(inPieces([records], encode)));
    records = [];
    held = 0;
  };
  try {
    for await (const batch of batches) {
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

/** The encoded records as pieces of a useful size. */
export async function* inPieces(
  batches: Iterable<readonly LineRecord[]> | AsyncIterable<readonly LineRecord[]>,
  encode: (record: LineRecord) => readonly Buffer[],
): AsyncGenerator<Uint8Array> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const records of batches) {
    for (const record of records) {
      for (const part of encode(record)) {
        parts.push(part);
        length += part.length;
      }
      if (length < PIECE) continue;
      yield Buffer.concat(parts, length);
      parts = [];
      length = 0;
    }
  }
  if (length > 0) yield Buffer.concat(parts, length);
}
