// The published surface for browsers: `import { download, upload } from "cairn-store/client"`.

import { pageStore } from "./browser/page-store.ts";
import type { Downloaded, DownloadOptions } from "./settings.ts";
import { sha256 } from "./sha256.ts";
import * as streams from "./stream-download.ts";
import { type Uploaded, type UploadOptions, uploadSource } from "./upload.ts";
import { blobSource, streamSource } from "./upload-source.ts";

export { type Code, Fault, isFault } from "../../wire/faults.ts";
export type { Downloaded, DownloadOptions, TransferOptions, TransferProgress } from "./settings.ts";
export type { BlobOptions } from "./stream-download.ts";
export type { Uploaded, UploadOptions } from "./upload.ts";
export type { UploadStore } from "./upload-store.ts";

/**
 * Downloads `url` to a file that the user has chosen or that is in the origin's private file system, or to a stream. The
 * bytes are verified before the file shows them. Throws a Fault, or the signal's reason.
 */
export async function download(
  url: string | URL,
  target: FileSystemFileHandle | WritableStream<Uint8Array>,
  options: DownloadOptions = {},
): Promise<Downloaded> {
  const absolute = new URL(url, location.href).href;
  const stream = "getWriter" in target ? target : await target.createWritable();
  return streams.downloadStream(absolute, stream, options, sha256);
}

/** Downloads `url` into a Blob, verified. For large files name a file instead. */
export function downloadBlob(
  url: string | URL,
  options: streams.BlobOptions = {},
): Promise<Downloaded & { readonly blob: Blob }> {
  return streams.downloadBlob(new URL(url, location.href).href, options, sha256);
}

/**
 * Uploads a File, a Blob or a stream over tus 1.0 to Cairn or any tus server: chunk by chunk, each acknowledged and
 * retried. The address of an unfinished upload is noted in localStorage: after a reload the same call with the same File (name,
 * size, time of change) goes on with it. Throws a Fault, or the signal's reason.
 */
export function upload(source: Blob | ReadableStream<Uint8Array>, options: UploadOptions): Promise<Uploaded> {
  const url = new URL(options.url, location.href);
  const bytes = source instanceof Blob ? blobSource(source) : streamSource(source);
  return uploadSource(bytes, { ...options, url }, pageStore());
}
