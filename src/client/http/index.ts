// The published surface for Node and Bun: `import { download, upload } from "cairn-store/client"`.

import { Fault } from "../../wire/faults.ts";
import { downloadFile, type FileDownloadOptions } from "./node/download.ts";
import { fileSource } from "./node/file-source.ts";
import { folderStore } from "./node/folder-store.ts";
import { nativeSha256 } from "./node/hash.ts";
import type { Downloaded } from "./settings.ts";
import * as streams from "./stream-download.ts";
import { type Uploaded, type UploadOptions, uploadSource } from "./upload.ts";
import { blobSource, streamSource, type UploadSource } from "./upload-source.ts";

export { type Code, Fault, isFault } from "../../wire/faults.ts";
export type { FileDownloadOptions } from "./node/download.ts";
export { folderStore } from "./node/folder-store.ts";
export type { Downloaded, DownloadOptions, TransferOptions, TransferProgress } from "./settings.ts";
export type { BlobOptions } from "./stream-download.ts";
export type { Uploaded, UploadOptions } from "./upload.ts";
export type { UploadStore } from "./upload-store.ts";

/** A path; bytes; or a stream, which cannot be taken up by another process. */
export type Source = string | Blob | Uint8Array | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/**
 * Downloads `url` to a file, by parallel ranges, or in order to a stream. A file appears under its name when all of it
 * was verified; until then `.NAME.cairn-part` beside it holds what is there, and the same call goes on with it, in another
 * process too. Throws a Fault: `replaced`, `mismatch`, `no-space`, `not-found`, `unreachable`, `busy`, `invalid`, or the
 * signal's reason.
 */
export function download(
  url: string | URL,
  target: string | WritableStream<Uint8Array>,
  options: FileDownloadOptions = {},
): Promise<Downloaded> {
  if (typeof target === "string") return downloadFile(String(url), target, options);
  return streams.downloadStream(String(url), target, options, nativeSha256);
}

/** Downloads `url` into memory, verified. */
export function downloadBlob(
  url: string | URL,
  options: streams.BlobOptions = {},
): Promise<Downloaded & { readonly blob: Blob }> {
  return streams.downloadBlob(String(url), options, nativeSha256);
}

/**
 * Uploads `source` over tus 1.0 to Cairn or any tus server: chunk by chunk, each acknowledged, retried and, where the
 * server compares it, with its checksum. The address of an unfinished upload is noted, so the same call goes on with it in another
 * process, as long as the file is the same (path, size, time of change). Throws a Fault: `replaced`, `mismatch`,
 * `too-large`, `no-space`, `not-found`, `unreachable`, `busy`, `invalid`, or the signal's reason.
 */
export async function upload(source: Source, options: UploadOptions): Promise<Uploaded> {
  return uploadSource(await sourceOf(source), options, folderStore());
}

async function sourceOf(source: Source): Promise<UploadSource> {
  if (typeof source === "string") return fileSource(source);
  if (source instanceof Blob) return blobSource(source, nativeSha256);
  if (source instanceof Uint8Array) return blobSource(new Blob([new Uint8Array(source)]), nativeSha256);
  if ("getReader" in source || Symbol.asyncIterator in source) return streamSource(source, nativeSha256);
  throw new Fault("invalid", `a source is a path, bytes, a Blob or a stream, not ${String(source)}`);
}
