// Durable steps on a folder tree: folders and their entries that survive a power cut, bytes written in order.

import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { StagedWrite } from "../../ports/staging.ts";
import { abortable } from "../../wire/abortable.ts";
import { Fault, toFault } from "../../wire/faults.ts";

/**
 * Bytes gathered before they are written: few calls for small pieces. A writer fills two buffers of this size in turn;
 * fresh ones for every write left 130 MB of garbage behind an upload of 512 MB.
 */
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

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Sees all bytes in order, before they are written. */
  readonly onPiece?: (piece: Uint8Array) => void;
  /** Is told how many bytes were written just now. */
  readonly onWritten?: (bytes: number) => void;
}

/**
 * Writes `source` from `position` on; while one batch is written, the next is gathered (and hashed, by `onPiece`).
 * An error of the source ends it, and is told in the result; an error of the disk is thrown as a Fault. Nothing is synced.
 */
export async function writePieces(
  handle: FileHandle,
  position: number,
  source: AsyncIterable<Uint8Array> | Uint8Array,
  options: WriteOptions = {},
): Promise<StagedWrite> {
  if (source instanceof Uint8Array) return { written: await writeAll(handle, position, source) };
  const pieces = abortable(source, options.signal)[Symbol.asyncIterator]();
  const gatherer = new Gatherer(pieces, options.onPiece);
  let written = 0;
  let writing: Promise<void> = Promise.resolve();
  try {
    for (;;) {
      const { bytes, ...end } = await gatherer.next();
      await writing;
      writing = writeAll(handle, position + written, bytes).then((size) => options.onWritten?.(size));
      // It is awaited after the next batch was gathered; until then its error waits with it.
      writing.catch(() => undefined);
      written += bytes.length;
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
  /** Valid until the call after the next. */
  readonly bytes: Uint8Array;
  readonly ended: boolean;
  readonly interrupted?: unknown;
}

/** Puts pieces of any size together in one of two buffers, of which the other may still be written. */
class Gatherer {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #onPiece: ((piece: Uint8Array) => void) | undefined;
  #buffer: Uint8Array | undefined;
  #other: Uint8Array | undefined;
  #left: Uint8Array | undefined;

  constructor(pieces: AsyncIterator<Uint8Array>, onPiece?: (piece: Uint8Array) => void) {
    this.#pieces = pieces;
    this.#onPiece = onPiece;
  }

  async next(): Promise<Gathered> {
    let size = 0;
    [this.#buffer, this.#other] = [this.#other, this.#buffer];
    try {
      while (size < GATHER) {
        const piece = this.#left ?? (await this.#take());
        this.#left = undefined;
        if (!piece) return { bytes: this.#filled(size), ended: true };
        // A large piece is written as it is.
        if (size === 0 && piece.length >= GATHER) return { bytes: piece, ended: false };
        this.#buffer ??= new Uint8Array(GATHER);
        const fitting = piece.subarray(0, GATHER - size);
        this.#buffer.set(fitting, size);
        size += fitting.length;
        if (fitting.length < piece.length) this.#left = piece.subarray(fitting.length);
      }
    } catch (interrupted) {
      return { bytes: this.#filled(size), ended: true, interrupted };
    }
    return { bytes: this.#filled(size), ended: false };
  }

  async #take(): Promise<Uint8Array | undefined> {
    const next = await this.#pieces.next();
    if (next.done) return undefined;
    this.#onPiece?.(next.value);
    return next.value;
  }

  #filled(size: number): Uint8Array {
    return this.#buffer?.subarray(0, size) ?? new Uint8Array();
  }
}

async function writeAll(handle: FileHandle, position: number, bytes: Uint8Array): Promise<number> {
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
  return written;
}
