// Durable steps on a folder tree: folders and their entries that survive a power cut, bytes written in order.

import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { StagedWrite } from "../../ports/staging.ts";
import { abortable } from "../../wire/abortable.ts";
import { Fault, toFault } from "../../wire/faults.ts";

/**
 * Bytes, and pieces, that are gathered before they are written: few calls for small pieces, none of them copied. Together
 * they are written while the next are gathered.
 */
const GATHER = 1_048_576;
/** Linux takes 1024 in one call. */
const GATHER_PIECES = 256;

/** Creates `path` and its parents where they are missing; the new entries are on disk when it resolves. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

/** Makes the entries of a folder (created, renamed, removed) survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Sees all bytes in order, before they are written. */
  readonly onPiece?: (piece: Uint8Array) => void;
  /** Is told how many bytes were written just now. */
  readonly onWritten?: (bytes: number) => void;
  /** The source uses the memory of a piece again when the next but one is asked for: each is written by itself. */
  readonly isLent?: boolean;
  /** The pieces are freed when they are written; see `StagingWrite`. */
  readonly isGiven?: boolean | undefined;
}

/** What pieces are written to: an open file, or what writes one. */
export interface PieceFile {
  writev(pieces: readonly Uint8Array[], position: number): Promise<{ readonly bytesWritten: number }>;
}

/**
 * Writes `source` from `position` on; while one batch is written, the next is gathered (and hashed, by `onPiece`).
 * An error of the source ends it, and is told in the result; an error of the disk is thrown as a Fault. Nothing is synced.
 */
export async function writePieces(
  file: PieceFile,
  position: number,
  source: AsyncIterable<Uint8Array> | Uint8Array,
  options: WriteOptions = {},
): Promise<StagedWrite> {
  if (source instanceof Uint8Array) return { written: await writeAll(file, position, [source]) };
  const pieces = abortable(source, options.signal)[Symbol.asyncIterator]();
  let written = 0;
  let writing: Promise<void> = Promise.resolve();
  try {
    for (;;) {
      const { batch, size, ...end } = await gather(pieces, options);
      await writing;
      writing = writeAll(file, position + written, batch).then((bytes) => {
        if (options.isGiven) batch.forEach(free);
        options.onWritten?.(bytes);
      });
      // It is awaited after the next batch was gathered; until then its error waits with it.
      writing.catch(() => undefined);
      written += size;
      if (!end.ended) continue;
      await writing;
      return "interrupted" in end ? { written, interrupted: end.interrupted } : { written };
    }
  } catch (error) {
    await pieces.return?.();
    throw error;
  }
}

/** `id` itself, which becomes part of a path: our own random name, or a defect. */
export function safeName(id: string): string {
  if (/^[a-z0-9-]{1,64}$/.test(id)) return id;
  throw new Fault("internal", `${JSON.stringify(id.slice(0, 80))} is not an id of ours`);
}

/** True for the error of a file that is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

interface Gathered {
  readonly batch: readonly Uint8Array[];
  /** Bytes of the batch. */
  readonly size: number;
  readonly ended: boolean;
  readonly interrupted?: unknown;
}

/** The next pieces of the source, some for one write. */
async function gather(
  pieces: AsyncIterator<Uint8Array>,
  { onPiece, isLent = false }: WriteOptions,
): Promise<Gathered> {
  const most = isLent ? 1 : GATHER_PIECES;
  const batch: Uint8Array[] = [];
  let size = 0;
  try {
    while (size < GATHER && batch.length < most) {
      const { done, value } = await pieces.next();
      if (done) return { batch, size, ended: true };
      if (value.length === 0) continue;
      onPiece?.(value);
      batch.push(value);
      size += value.length;
    }
  } catch (interrupted) {
    return { batch, size, ended: true, interrupted };
  }
  return { batch, size, ended: false };
}

/** Writes the pieces one behind the other; returns their bytes. */
async function writeAll(file: PieceFile, position: number, pieces: readonly Uint8Array[]): Promise<number> {
  let written = 0;
  try {
    for (let rest = pieces; rest.length > 0; ) {
      const { bytesWritten } = await file.writev(rest, position + written);
      written += bytesWritten;
      rest = behind(rest, bytesWritten);
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EFBIG") {
      const end = position + pieces.reduce((sum, piece) => sum + piece.length, 0);
      throw new Fault("too-large", `the file system cannot hold a file of ${end} bytes`, { cause: error });
    }
    throw toFault(error);
  }
  return written;
}

/**
 * The collector does not see the memory behind a buffer, and lets it lie: 1 GiB in 1, 4, 16 and 64 uploads at once took
 * 148, 222, 398 and 763 MB of memory, and so 95, 120, 188 and 245.
 */
function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** What is left of the pieces when their first `taken` bytes are gone. */
function behind(pieces: readonly Uint8Array[], taken: number): readonly Uint8Array[] {
  let left = taken;
  for (const [i, piece] of pieces.entries()) {
    if (left < piece.length) return [piece.subarray(left), ...pieces.slice(i + 1)];
    left -= piece.length;
  }
  return [];
}
