// Where the bytes of an upload come from: what can be read at any place, and what comes once.

import { Fault } from "../../wire/faults.ts";
import { type Hash, sha256 } from "./sha256.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

export interface UploadSource {
  readonly name: string;
  /** May be empty. */
  readonly mediaType: string;
  /** Bytes; undefined until its end was read. */
  readonly size: number | undefined;
  /** The same for the same content at a later time; undefined: an upload of it cannot be taken up later. */
  readonly fingerprint: string | undefined;
  /** The bytes `[start, end)`, fewer only at the end. What lies before `start` may be gone afterwards if it came once. */
  read(start: number, end: number): Promise<Bytes>;
  /** The digest of all of it; beside the reading, as it goes on. */
  digest(stop: AbortSignal): Promise<string>;
  /** Fault `replaced` when it is not what it was at the beginning. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** Bytes read for the digest at a time. */
export const SLICE = 1_048_576;

/** A Blob, or a File that a user has chosen. */
export function blobSource(blob: Blob, newHash: () => Hash = sha256): UploadSource {
  const file = "name" in blob && "lastModified" in blob ? (blob as File) : undefined;
  const read = async (start: number, end: number): Promise<Bytes> => {
    try {
      return new Uint8Array(await blob.slice(start, end).arrayBuffer());
    } catch (cause) {
      // A browser's File refuses to be read once the file on the disk was changed.
      throw changed(file?.name ?? "the Blob", cause);
    }
  };
  return {
    name: file?.name ?? "",
    mediaType: blob.type,
    size: blob.size,
    fingerprint: file && `${file.name}|${file.size}|${file.lastModified}`,
    read,
    digest: (stop) => digestOf(read, blob.size, newHash(), stop),
    check: async () => undefined,
    close: async () => undefined,
  };
}

/** What comes once and in order. The bytes since the last `start` stay in memory, so that they can be sent again. */
export function streamSource(
  stream: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
  newHash: () => Hash = sha256,
): UploadSource {
  const iterator = piecesOf(stream);
  const hash = newHash();
  let held: Uint8Array[] = [];
  let heldAt = 0;
  let pulled = 0;
  let size: number | undefined;
  let finish: (hex: string) => void = () => undefined;
  const digest = new Promise<string>((resolve) => {
    finish = resolve;
  });
  const pull = async (): Promise<void> => {
    const next = await iterator.next();
    if (next.done) {
      size = pulled;
      return finish(hash.hex());
    }
    // A copy: many streams use their buffers again.
    const bytes = new Uint8Array(next.value);
    hash.update(bytes);
    held.push(bytes);
    pulled += bytes.length;
  };
  return {
    name: "",
    mediaType: "",
    get size() {
      return size;
    },
    fingerprint: undefined,
    async read(start, end) {
      while (pulled < end && size === undefined) await pull();
      const rest = joined(held).subarray(start - heldAt);
      held = [rest];
      heldAt = start;
      return rest.subarray(0, end - start);
    },
    digest: (stop) => unlessStopped(digest, stop),
    check: async () => undefined,
    close: async () => {
      // A source that hangs would never answer, so its end is not awaited.
      iterator.return(undefined).catch(() => undefined);
    },
  };
}

/** The digest of `[0, size)`, read in slices. */
export async function digestOf(
  read: (start: number, end: number) => Promise<Uint8Array>,
  size: number,
  hash: Hash,
  stop: AbortSignal,
): Promise<string> {
  for (let at = 0; at < size; at += SLICE) {
    stop.throwIfAborted();
    hash.update(await read(at, Math.min(at + SLICE, size)));
  }
  return hash.hex();
}

export function changed(name: string, cause?: unknown): Fault {
  return new Fault("replaced", `${name} was changed while it was being uploaded`, {
    hint: "Upload it again: that begins anew, with what is there now.",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** What `promise` gives, or the reason of `stop` if that comes first. */
export function unlessStopped<T>(promise: Promise<T>, stop: AbortSignal | undefined): Promise<T> {
  if (!stop) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(stop.reason);
    if (stop.aborted) onAbort();
    stop.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => stop.removeEventListener("abort", onAbort));
  });
}

/** Safari has no asynchronous iteration of streams. */
async function* piecesOf(
  stream: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (!("getReader" in stream)) return yield* stream;
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}

function joined(pieces: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
