// Downloads in order, into a stream or a Blob: verified before the stream is closed.

import { Fault } from "../../wire/faults.ts";
import { readOrdered } from "./read-ordered.ts";
import { type RemoteFile, remoteFile } from "./remote-file.ts";
import {
  checkWhole,
  type Downloaded,
  type DownloadOptions,
  type DownloadSettings,
  downloadSettings,
  expectedDigest,
  mismatch,
} from "./settings.ts";
import type { Hash } from "./sha256.ts";

export interface BlobOptions extends DownloadOptions {
  /** Bytes of the largest file that is taken; default 536,870,912 (512 MiB). */
  readonly limit?: number;
}

const BLOB_LIMIT = 512 * 1_048_576;

/**
 * Writes the file to `target` and closes it when the digest is right; on any failure the target is aborted. What a pipe has
 * got is gone by then; a FileSystemWritableFileStream shows nothing until it is closed.
 */
export async function downloadStream(
  url: string,
  target: WritableStream<Uint8Array>,
  options: DownloadOptions,
  hash: () => Hash,
): Promise<Downloaded> {
  const writer = target.getWriter();
  try {
    const settings = downloadSettings(options);
    const remote = await remoteFile(url, settings);
    const done = await pass(remote, settings, hash(), (bytes) => writer.write(bytes));
    await writer.close();
    return done;
  } catch (error) {
    // A target that is broken cannot be aborted either; the first error is the one that tells.
    await writer.abort(error).catch(() => undefined);
    throw error;
  }
}

/** Keeps the file in a Blob. Fault `too-large` before the first byte, where the size is known. */
export async function downloadBlob(
  url: string,
  options: BlobOptions,
  hash: () => Hash,
): Promise<Downloaded & { readonly blob: Blob }> {
  const { limit = BLOB_LIMIT } = options;
  checkWhole("limit", limit, 0);
  const settings = downloadSettings(options);
  const remote = await remoteFile(url, settings);
  const pieces: Blob[] = [];
  let size = remote.size ?? 0;
  checkLimit(url, size, limit);
  size = 0;
  const done = await pass(remote, settings, hash(), async (bytes) => {
    size += bytes.length;
    checkLimit(url, size, limit);
    // A Blob of each piece: a browser may keep those on its disk.
    pieces.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  });
  return { ...done, blob: new Blob(pieces, { type: remote.mediaType }) };
}

async function pass(
  remote: RemoteFile,
  settings: DownloadSettings,
  hash: Hash,
  take: (bytes: Uint8Array) => Promise<void>,
): Promise<Downloaded> {
  const { url, name, mediaType } = remote;
  const expected = expectedDigest(url, remote.sha256, settings.sha256);
  let size = 0;
  const report = () => settings.onProgress({ done: size, total: remote.size, resumed: 0 });
  report();
  for await (const bytes of readOrdered(remote, settings.parallel, settings)) {
    hash.update(bytes);
    await take(bytes);
    size += bytes.length;
    report();
  }
  const sha256 = hash.hex();
  if (expected !== undefined && sha256 !== expected) throw mismatch(url, sha256, expected);
  return { url, name, mediaType, size, sha256, verified: expected !== undefined, resumed: 0 };
}

function checkLimit(url: string, size: number, limit: number): void {
  if (size <= limit) return;
  throw new Fault("too-large", `${url} has more than ${limit} bytes, too many to keep in memory`, {
    hint: "Download it to a file, or allow more with limit.",
    details: { url, limit },
  });
}
