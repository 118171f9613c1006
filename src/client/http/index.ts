// The published surface for Node and Bun: `import { download, upload } from "cairn-store/client"`.

import { downloadFile, type FileDownloadOptions } from "./node/download.ts";
import { nativeSha256 } from "./node/hash.ts";
import type { Downloaded } from "./settings.ts";
import * as streams from "./stream-download.ts";

export { type Code, Fault, isFault } from "../../wire/faults.ts";
export type { FileDownloadOptions } from "./node/download.ts";
export type { Downloaded, DownloadOptions, TransferOptions, TransferProgress } from "./settings.ts";
export type { BlobOptions } from "./stream-download.ts";

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
