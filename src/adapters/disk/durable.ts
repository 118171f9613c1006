// Durable steps on a folder tree: folders and their entries that survive a power cut, bytes written in order.

import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { StagedWrite } from "../../ports/staging.ts";
import { abortable } from "../../wire/abortable.ts";
import { Fault, toFault } from "../../wire/faults.ts";

/** Bytes gathered before they are written: few calls for small pieces, and half of the bound on memory of one writer. */
const GATHER = 512 * 1024;

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

/**
 * Writes `source` from `position` on; while one batch is written, the next is gathered (and hashed, by `onPiece`).
 * An error of the source ends it, and is told in the result; an error of the disk is thrown as a Fault. Nothing is synced.
 */
export async function writePieces(
  handle: FileHandle,
  position: number,
  source: AsyncIterable<Uint8Array> | Uint8Array,
  options: { readonly signal?: AbortSignal | undefined; readonly onPiece?: (piece: Uint8Array) => void } = {},
): Promise<StagedWrite> {
  if (source instanceof Uint8Array) return writeAll(handle, position, [source]);
  const pieces = abortable(source, options.signal)[Symbol.asyncIterator]();
  let written = 0;
  let writing: Promise<unknown> = Promise.resolve();
  try {
    for (;;) {
      const { gathered, ...end } = await gather(pieces, options.onPiece);
      await writing;
      writing = writeAll(handle, position + written, gathered);
      // It is awaited after the next batch was gathered; until then its error waits with it.
      writing.catch(() => undefined);
      written += gathered.reduce((sum, { length }) => sum + length, 0);
      if (!end.ended) continue;
      await writing;
      return "interrupted" in end ? { written, interrupted: end.interrupted } : { written };
    }
  } catch (error) {
    await pieces.return(undefined);
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
  readonly gathered: readonly Uint8Array[];
  readonly ended: boolean;
  readonly interrupted?: unknown;
}

async function gather(
  pieces: AsyncIterator<Uint8Array>,
  onPiece?: (piece: Uint8Array) => void,
): Promise<Gathered> {
  const gathered: Uint8Array[] = [];
  let size = 0;
  try {
    while (size < GATHER) {
      const next = await pieces.next();
      if (next.done) return { gathered, ended: true };
      onPiece?.(next.value);
      gathered.push(next.value);
      size += next.value.length;
    }
  } catch (interrupted) {
    return { gathered, ended: true, interrupted };
  }
  return { gathered, ended: false };
}

async function writeAll(
  handle: FileHandle,
  position: number,
  pieces: readonly Uint8Array[],
): Promise<{ written: number }> {
  const bytes = pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
  let written = 0;
  try {
    while (written < bytes.length) {
      const result = await handle.write(bytes, written, bytes.length - written, position + written);
      written += result.bytesWritten;
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EFBIG") {
      const end = position + bytes.length;
      throw new Fault("too-large", `the file system cannot hold a file of ${end} bytes`, { cause: error });
    }
    throw toFault(error);
  }
  return { written };
}
