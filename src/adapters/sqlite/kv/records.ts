// A record of the journal: a group of entries behind a head that tells where it belongs and whether it is whole.

import { fstatSync, readFileSync, readSync } from "node:fs";
import { Fault, toFault } from "../../../wire/faults.ts";
import { DISK_FAILS } from "../database.ts";
import { EntryBytes, entryLength } from "./entries.ts";

/** The head's fields. It is 48 bytes, in the byte order of the machine. */
export const RECORD = {
  /** u32, CRC-32 of all that follows. */
  crc: 0,
  /** u32 */
  magic: 4,
  /** u32 */
  segment: 8,
  /** u32, bytes of the entries. */
  length: 12,
  /** f64, where the record stands in its file: left-overs of an earlier segment have another. */
  offset: 16,
  /** f64, a `Position`: all before it was on the disk when the record was written. */
  synced: 24,
  /** f64, the last cas unique that was given out. */
  cas: 32,
  /** u32, of the database. */
  identity: 40,
  /** u32, of the machine's start. */
  boot: 44,
  head: 48,
} as const;

const MAGIC = 0x316a7643; // "Cvj1"

/** Segment and offset as one number that grows. */
export type Position = number;

export function positionOf(segment: number, offset: number): Position {
  return segment * 2 ** 33 + offset;
}

export interface RecordHead {
  readonly segment: number;
  readonly offset: number;
  readonly synced: Position;
  readonly cas: number;
  readonly identity: number;
}

export interface ReadRecord extends RecordHead {
  /** Head and entries, from `at` on. */
  readonly bytes: EntryBytes;
  readonly at: number;
  readonly length: number;
  readonly boot: number;
}

/** Differs after each start of the machine; 0 where that cannot be told. */
const BOOT = bootMark();

/** Fills in the head of the record whose entries follow it. `length`: of both. */
export function stampRecord({ i32, f64, u8 }: EntryBytes, length: number, head: RecordHead): void {
  i32[RECORD.magic >> 2] = MAGIC;
  i32[RECORD.segment >> 2] = head.segment;
  i32[RECORD.length >> 2] = length - RECORD.head;
  f64[RECORD.offset >> 3] = head.offset;
  f64[RECORD.synced >> 3] = head.synced;
  f64[RECORD.cas >> 3] = head.cas;
  i32[RECORD.identity >> 2] = head.identity;
  i32[RECORD.boot >> 2] = BOOT;
  i32[0] = Bun.hash.crc32(u8.subarray(4, length));
}

/** The record at `offset`, or undefined when no intact one stands there. */
export function readRecord(fd: number, offset: number, end: number): ReadRecord | undefined {
  if (offset < 0 || end - offset < RECORD.head) return undefined;
  const head = new DataView(readBytes(fd, offset, RECORD.head).buffer);
  const length = head.getUint32(RECORD.length, true) + RECORD.head;
  if (head.getUint32(RECORD.magic, true) !== MAGIC || head.getFloat64(RECORD.offset, true) !== offset) return;
  if (length > end - offset || length % 8 !== 0) return undefined;
  const bytes = EntryBytes.ofLength(length);
  readInto(fd, bytes.u8, offset);
  if ((bytes.i32[0] as number) >>> 0 !== Bun.hash.crc32(bytes.u8.subarray(4))) return undefined;
  return {
    bytes,
    at: 0,
    length,
    offset,
    segment: head.getUint32(RECORD.segment, true),
    synced: head.getFloat64(RECORD.synced, true),
    cas: head.getFloat64(RECORD.cas, true),
    identity: head.getUint32(RECORD.identity, true),
    boot: head.getUint32(RECORD.boot, true),
  };
}

/** Calls `take` for each entry of the record, in order. */
export function eachEntry(
  { bytes, at: start, length }: Pick<ReadRecord, "bytes" | "at" | "length">,
  take: (kind: number, bytes: EntryBytes, at: number) => void,
): void {
  for (let at = start + RECORD.head; at < start + length; ) {
    const next = at + entryLength(bytes.keyLength(at), bytes.size(at));
    take(bytes.kind(at), bytes, at);
    at = next;
  }
}

/** The first intact record at or behind `from` of a segment after `folded`: what follows a damaged one. */
export function findRecord(fd: number, from: number, folded: number): ReadRecord | undefined {
  const end = fstatSync(fd).size;
  const mark = Buffer.alloc(4);
  mark.writeUInt32LE(MAGIC);
  const window = 1_048_576;
  for (let start = from; start < end; start += window) {
    // The windows overlap, so that a mark on their border is found.
    const bytes = Buffer.from(readBytes(fd, start, Math.min(window + 7, end - start)).buffer);
    for (let at = bytes.indexOf(mark); at >= 0 && at + 8 <= bytes.length; at = bytes.indexOf(mark, at + 1)) {
      if (bytes.readUInt32LE(at + RECORD.segment - RECORD.magic) <= folded) continue;
      const record = readRecord(fd, start + at - RECORD.magic, end);
      if (record) return record;
    }
  }
  return undefined;
}

/** Whether the machine ran without a break since the record was written: then nothing written can be missing. */
export function isOfThisBoot({ boot }: ReadRecord): boolean {
  return boot !== 0 && boot === BOOT;
}

export function readBytes(fd: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  readInto(fd, bytes, offset);
  return bytes;
}

/** Errors of files, in our words. */
export function explainFile(error: unknown, path: string): Fault {
  if (error instanceof Fault) return error;
  const code = (error as NodeJS.ErrnoException).code;
  const cause = { cause: error };
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return new Fault("no-space", `no space left on the disk of ${path}`, {
        ...cause,
        hint: "Free some space, then repeat the request; nothing that was acknowledged is lost.",
      });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new Fault("forbidden", `${path} cannot be written (${code})`, {
        ...cause,
        hint: "Check that its folder and file may be written by this user.",
      });
    case "EIO":
      return new Fault("unreachable", `${path}: ${(error as Error).message}`, { ...cause, hint: DISK_FAILS });
    case "EMFILE":
    case "ENFILE":
      return new Fault("unreachable", `${path} cannot be opened: too many open files (${code})`, {
        ...cause,
        hint: "Raise the limit of open files (ulimit -n), or lower --max-connections.",
      });
    case undefined:
      return toFault(error);
    default:
      return new Fault("internal", `${path}: ${(error as Error).message}`, cause);
  }
}

function readInto(fd: number, into: Uint8Array, offset: number): void {
  for (let read = 0; read < into.length; ) {
    const taken = readSync(fd, into, read, into.length - read, offset + read);
    if (taken === 0) throw new Error(`the file ends at ${offset + read} bytes`);
    read += taken;
  }
}

function bootMark(): number {
  try {
    return Bun.hash.crc32(readFileSync("/proc/sys/kernel/random/boot_id"));
  } catch {
    // Not Linux: then a missing record is always taken for one that a power cut took.
    return 0;
  }
}
