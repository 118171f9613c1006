// Where the bytes of a file to store come from: a path, bytes in memory, or a stream, read chunk by chunk.

import { type FileHandle, open, stat } from "node:fs/promises";
import { Fault } from "../../wire/faults.ts";
import { abortable } from "./window.ts";

/**
 * A string is a path; a URL is a `file:` URL. Streams yield `Uint8Array`s (a Node stream without encoding, a web
 * stream of bytes, any iterable); they are read at the pace of the server, and cancelled when the store fails.
 */
export type Source =
  | string
  | URL
  | Uint8Array
  | ArrayBuffer
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>;

/** A source that has been opened. */
export interface SourceReader {
  /** Bytes, where it is known beforehand. */
  readonly size: number | undefined;
  /** Fills `into` from its beginning; fewer bytes than its length (or 0) only at the end. */
  read(into: Uint8Array): Promise<number>;
  /** Frees the source; a stream that has not ended is cancelled. */
  close(): Promise<void>;
}

/** `size` is what the caller says about a stream. Fault `invalid` for what cannot be read; throws the signal's reason. */
export async function openSource(
  source: Source,
  size: number | undefined,
  signal?: AbortSignal,
): Promise<SourceReader> {
  if (typeof source === "string" || source instanceof URL) return openPath(source, size, signal);
  if (source instanceof ArrayBuffer) return bytesReader(new Uint8Array(source));
  // Also a view that is no Uint8Array: JavaScript does not ask what the types promise.
  if (ArrayBuffer.isView(source)) {
    return bytesReader(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  }
  if (source instanceof Blob) return iterableReader(source.stream(), source.size);
  return iterableReader(source, size);
}

/** It yields the same bytes when it is opened once more: a file does, what only looks like one (a pipe) and a stream do not. */
export async function canReadAgain(source: Source): Promise<boolean> {
  if (source instanceof Blob || source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return true;
  if (typeof source !== "string" && !(source instanceof URL)) return false;
  const file = await stat(source).catch((cause: unknown) => Promise.reject(unreadable(source, cause)));
  return file.isFile();
}

async function openPath(
  path: string | URL,
  size: number | undefined,
  signal: AbortSignal | undefined,
): Promise<SourceReader> {
  const opening = open(path, "r").catch((cause: unknown) => Promise.reject(unreadable(path, cause)));
  let file: FileHandle;
  try {
    file = await abortable(opening, signal);
  } catch (error) {
    // A named pipe is open when somebody writes to it: later, or never.
    opening.then((late) => late.close()).catch(() => undefined);
    throw error;
  }
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw unreadable(path, new Error("it is a directory"));
    // What the system makes up as it is read (/proc) is a file of 0 bytes too.
    return fileReader(file, path, stat.isFile() && stat.size > 0 ? stat.size : size);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function fileReader(file: FileHandle, path: string | URL, size: number | undefined): SourceReader {
  return {
    size,
    async read(into) {
      let filled = 0;
      while (filled < into.length) {
        const { bytesRead } = await file
          .read(into, filled, into.length - filled, null)
          .catch((cause: unknown) => Promise.reject(unreadable(path, cause)));
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    },
    close: () => file.close(),
  };
}

function bytesReader(bytes: Uint8Array): SourceReader {
  let at = 0;
  return {
    size: bytes.length,
    async read(into) {
      const piece = bytes.subarray(at, at + into.length);
      into.set(piece);
      at += piece.length;
      return piece.length;
    },
    async close() {
      at = bytes.length;
    },
  };
}

/** Pieces of any size, put together to what is asked for. */
export function iterableReader(
  source: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  size: number | undefined,
): SourceReader {
  const iterator = iteratorOf(source);
  let rest: Uint8Array = new Uint8Array(0);
  let ended = false;
  return {
    size,
    async read(into) {
      let filled = 0;
      while (filled < into.length) {
        if (rest.length === 0) {
          const next = await iterator.next();
          ended = next.done === true;
          if (ended) break;
          rest = bytesOf(next.value);
        }
        const piece = rest.subarray(0, into.length - filled);
        into.set(piece, filled);
        filled += piece.length;
        rest = rest.subarray(piece.length);
      }
      return filled;
    },
    async close() {
      if (!ended) cancel(source, iterator);
    },
  };
}

/** Not awaited: a generator that waits for bytes returns only when they come, which may be never. */
function cancel(source: object, iterator: PieceIterator): void {
  if ("destroy" in source && typeof source.destroy === "function") source.destroy();
  else Promise.resolve(iterator.return?.()).catch(() => undefined);
}

interface PieceIterator {
  next(): Promise<IteratorResult<unknown>> | IteratorResult<unknown>;
  return?(): unknown;
}

function iteratorOf(source: unknown): PieceIterator {
  if (source instanceof ReadableStream) return streamIterator(source);
  if (typeof source === "object" && source !== null) {
    // A Node stream that fails before it is read (a file that is not there) would end the process; its iterator throws the same.
    if ("on" in source && typeof source.on === "function") source.on("error", () => undefined);
    if (Symbol.asyncIterator in source) return (source as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    if (Symbol.iterator in source) return (source as Iterable<unknown>)[Symbol.iterator]();
  }
  throw new Fault("invalid", "the source is neither a path, nor bytes, nor a stream or iterable of bytes");
}

/** A reader of our own: unlike the iterator of a web stream it can be cancelled while it waits. */
function streamIterator(stream: ReadableStream<unknown>): PieceIterator {
  const reader = stream.getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
      return done ? { done, value: undefined } : { done: false, value };
    },
    return: () => reader.cancel(),
  };
}

function bytesOf(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece;
  throw new Fault("invalid", `the source yielded ${typeof piece}, not a Uint8Array`, {
    hint: "A stream of bytes has no encoding set and is not in object mode.",
  });
}

function unreadable(path: string | URL, cause: unknown): Fault {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Fault("invalid", `cannot read ${JSON.stringify(String(path))}: ${reason}`, { cause });
}
