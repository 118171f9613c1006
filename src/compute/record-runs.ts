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

/** The records of a run, as many at a time as a piece of it holds; made as they are taken, as those of `readRecords`. */
export async function* decodeRecords(run: AsyncIterable<Uint8Array>): AsyncGenerator<Iterable<LineRecord>> {
  let parts: Uint8Array[] = [];
  let held = 0;
  let needed = HEAD;
  for await (const piece of run) {
    parts.push(piece);
    held += piece.length;
    // A large record is put together once, not anew with each of its pieces.
    if (held < needed) continue;
    const bytes = Buffer.concat(parts, held);
    const { end, next } = wholeRecords(bytes);
    parts = [bytes.subarray(end)];
    held = bytes.length - end;
    needed = next;
    if (end > 0) yield recordsIn(bytes, end);
  }
  if (held > 0) throw new Fault("corrupt", "an intermediate run ends within a record");
}

/** `end`: of the last whole record. `next`: how many bytes the one behind it needs, as far as is known. */
function wholeRecords(bytes: Buffer): { readonly end: number; readonly next: number } {
  for (let end = 0; ; ) {
    if (bytes.length - end < HEAD) return { end, next: HEAD };
    const next = HEAD + bytes.readUInt32LE(end) + bytes.readUInt32LE(end + 4);
    if (bytes.length < end + next) return { end, next };
    end += next;
  }
}

function* recordsIn(bytes: Buffer, end: number): Generator<LineRecord> {
  for (let start = 0; start < end; ) {
    const key = start + HEAD + bytes.readUInt32LE(start);
    const next = key + bytes.readUInt32LE(start + 4);
    yield { key: bytes.subarray(start + HEAD, key), bytes: bytes.subarray(key, next) };
    start = next;
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
  batches: AsyncIterable<Iterable<LineRecord>>,
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
