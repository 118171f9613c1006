// The download manager: parallel ranges into one file that appears when all of it was verified, resumed after any end.

import { realpath, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { Fault, isFault } from "../../../wire/faults.ts";
import { inLanes, together } from "../lanes.ts";
import { readRange, readWhole } from "../read-range.ts";
import { type RemoteFile, remoteFile } from "../remote-file.ts";
import {
  type Downloaded,
  type DownloadOptions,
  type DownloadSettings,
  downloadSettings,
  expectedDigest,
  mismatch,
} from "../settings.ts";
import { missingPieces } from "../spans.ts";
import { nativeSha256 } from "./hash.ts";
import { absent, PartialFile } from "./partial-file.ts";

export interface FileDownloadOptions extends DownloadOptions {
  /** Take up what an earlier run has left beside the file; default true. */
  readonly resume?: boolean;
}

/** What one request asks for. Small enough that a slow connection holds up little, large enough to cost nothing. */
const PIECE_BYTES = 16 * 1_048_576;
/** Less is not worth a request of its own. */
const SMALLEST_PIECE = 1_048_576;

/** Downloads to `path`, which is overwritten, but only by a whole and verified file. */
export async function downloadFile(
  url: string,
  path: string,
  options: FileDownloadOptions,
): Promise<Downloaded> {
  const settings = downloadSettings(options);
  const remote = await remoteFile(url, settings);
  const expected = expectedDigest(url, remote.sha256, settings.sha256);
  const { final, mode } = await placeOf(path);
  const partial = await PartialFile.open(final, remote, options.resume ?? true, mode);
  const resumed = partial.received;
  let received: Received;
  try {
    received = await receive(remote, partial, settings);
  } catch (error) {
    if (isFault(error, "replaced")) await partial.discard();
    else await partial.close();
    throw withHint(error, partial, remote);
  }
  const { sha256, size } = received;
  if (expected !== undefined && sha256 !== expected) {
    await partial.discard();
    throw mismatch(url, sha256, expected);
  }
  await partial.publish();
  const { name, mediaType } = remote;
  return { url, name, mediaType, size, sha256, verified: expected !== undefined, resumed };
}

interface Received {
  readonly sha256: string;
  readonly size: number;
}

/** Fetches what is missing, while the bytes that are complete are read back and hashed. */
async function receive(
  remote: RemoteFile,
  partial: PartialFile,
  settings: DownloadSettings,
): Promise<Received> {
  let size = remote.size;
  const hash = nativeSha256();
  await together(settings.signal, (stop) => [
    fetchMissing(remote, partial, { ...settings, signal: stop }).then(() => {
      size ??= partial.received;
      partial.touch();
    }),
    (async () => {
      for await (const bytes of partial.written(() => size, stop)) hash.update(bytes);
    })(),
  ]);
  return { sha256: hash.hex(), size: size ?? 0 };
}

async function fetchMissing(
  remote: RemoteFile,
  partial: PartialFile,
  settings: DownloadSettings,
): Promise<void> {
  const { size, validator } = remote;
  const resumed = partial.received;
  const report = () => settings.onProgress({ done: partial.received, total: size, resumed });
  report();
  if (size === undefined || validator === undefined) {
    for await (const piece of readWhole(remote, settings)) {
      await partial.write(piece);
      report();
    }
    return;
  }
  const { parallel, signal } = settings;
  const most = Math.min(PIECE_BYTES, Math.max(SMALLEST_PIECE, Math.ceil(size / parallel)));
  const pieces = missingPieces(partial.spans, size, most);
  await inLanes(parallel, pieces, signal, async (span, stop) => {
    for await (const piece of readRange({ ...remote, size, validator }, span, {
      ...settings,
      signal: stop,
    })) {
      await partial.write(piece);
      report();
    }
  });
}

/** A symbolic link is followed, and the mode of what is there is kept. */
async function placeOf(path: string): Promise<{ final: string; mode: number }> {
  const there = await stat(path).catch(absent);
  if (!there) return { final: resolve(path), mode: 0o666 };
  if (there.isFile()) return { final: await realpath(path), mode: there.mode & 0o777 };
  const what = there.isDirectory() ? "a directory" : "not a file";
  throw new Fault("invalid", `${path} is ${what}`, { hint: "Name a file, or download to a stream." });
}

/** The failure, and what is there to go on with. */
function withHint(error: unknown, { received, path }: PartialFile, { size, validator }: RemoteFile): unknown {
  if (!(error instanceof Fault) || received === 0 || validator === undefined || error.code === "replaced")
    return error;
  const hint = `${received} of ${size} bytes are kept in ${path}; the same download again goes on from there.`;
  const details = { ...error.details, received, size, partial: path };
  return new Fault(error.code, error.message, { hint, details, cause: error });
}
