// Uploads over tus 1.0: resumed after any end, in parallel parts where the server joins them, compared by digest.

import { Fault, isFault, toFault } from "../../wire/faults.ts";
import { persist } from "./backoff.ts";
import { checksumMaker } from "./checksums.ts";
import { together } from "./lanes.ts";
import { decoded } from "./remote-file.ts";
import { checkWhole, type TransferOptions, type TransferProgress, transferSettings } from "./settings.ts";
import { askServer, removeUpload } from "./tus.ts";
import { isOver, type Job, type Sent, send } from "./upload-parts.ts";
import type { UploadSource } from "./upload-source.ts";
import type { UploadStore } from "./upload-store.ts";

export interface UploadOptions extends TransferOptions {
  /** Where uploads are created: `http://127.0.0.1:8000/uploads`. */
  readonly url: string | URL;
  /** The file's name on the server; default the source's own. */
  readonly name?: string;
  /** Default the source's own, if it has one. */
  readonly mediaType?: string;
  /** Parts sent at once, 1 to 32, where the server joins parts; default 1. */
  readonly parallel?: number;
  /** Send a checksum with every chunk where the server compares it; default true. */
  readonly checksum?: boolean;
  /** Compute the SHA-256 here too, and compare it with the server's; default true. */
  readonly verify?: boolean;
  /** The digest that the source must have, if it is known: a server that differs fails the upload. */
  readonly sha256?: string;
  /** Take up what an earlier run has begun; default true. */
  readonly resume?: boolean;
  /** Where unfinished uploads are noted; default a folder of the user, or the page's localStorage. */
  readonly store?: UploadStore;
}

export interface Uploaded {
  /** The file's id on Cairn; on other servers the last part of `url`. */
  readonly id: string;
  /** The upload's own address. */
  readonly url: string;
  /** Where the file can be downloaded, if the server says so. */
  readonly fileUrl: string | undefined;
  readonly name: string;
  readonly size: number;
  /** As the server computed it; undefined if it does not tell. */
  readonly sha256: string | undefined;
  /** True when the server's digest is the one that was computed here, or given. */
  readonly verified: boolean;
  /** Bytes that an earlier run had sent. */
  readonly resumed: number;
}

/**
 * Uploads the source and closes it. Faults: `replaced` (the source has changed), `mismatch` (the digests differ: the
 * server's file is removed), `too-large`, `no-space`, `unreachable`, `invalid`, or the signal's reason.
 */
export async function uploadSource(
  source: UploadSource,
  options: UploadOptions,
  store: UploadStore,
): Promise<Uploaded> {
  let job: Job | undefined;
  let sent = 0;
  const onProgress = (progress: TransferProgress) => {
    sent = progress.done;
    options.onProgress?.(progress);
  };
  try {
    job = await prepare(source, { ...options, onProgress }, options.store ?? store);
    return await carryOut(job, options);
  } catch (error) {
    const isFinal = isOver(error) || isFault(error, "replaced");
    // What has failed for good is not taken up again.
    if (isFinal) await job?.notes?.store.delete(job.notes.key);
    throw isFinal || sent === 0 || !job?.notes ? error : withHint(error, sent, source.size);
  } finally {
    await source.close();
  }
}

/** The failure, and what is there to go on with. */
function withHint(error: unknown, sent: number, size: number | undefined): unknown {
  if (!(error instanceof Fault)) return error;
  const hint = `${sent} of ${size} bytes are on the server; the same upload again goes on from there.`;
  return new Fault(error.code, error.message, {
    hint,
    details: { ...error.details, sent, size },
    cause: error,
  });
}

async function carryOut(job: Job, options: UploadOptions): Promise<Uploaded> {
  const { source, settings } = job;
  const known = options.sha256?.toLowerCase();
  let digest = known;
  let done: Sent | undefined;
  await together(settings.signal, (stop) => [
    send({ ...job, settings: { ...settings, signal: stop } }).then((sent) => {
      done = sent;
    }),
    (async () => {
      if (known === undefined && (options.verify ?? true)) digest = await source.digest(stop);
    })(),
  ]);
  if (!done) throw new Fault("internal", "the upload ended without an answer");
  await source.check().catch(unchanged(job, done.url));
  return conclude(job, done, digest);
}

async function prepare(source: UploadSource, options: UploadOptions, store: UploadStore): Promise<Job> {
  const { parallel = 1, resume = true, checksum = true, sha256 } = options;
  checkWhole("parallel", parallel, 1, 32);
  const { onProgress, ...settings } = transferSettings(options);
  const endpoint = String(options.url);
  const name = options.name ?? source.name;
  const mediaType = options.mediaType ?? source.mediaType;
  const server = await persist(settings, () => askServer(endpoint, settings));
  const { size, fingerprint } = source;
  if (server.maxSize !== undefined && size !== undefined && size > server.maxSize) {
    throw new Fault("too-large", `${name} has ${size} bytes, and the server takes ${server.maxSize}`, {
      details: { size, limit: server.maxSize },
    });
  }
  const metadata = [
    ["filename", name],
    ["filetype", mediaType],
    ["sha256", sha256 ?? ""],
  ] as const;
  const makeChecksum = checksum ? checksumMaker(server.algorithms) : undefined;
  const key = fingerprint === undefined ? undefined : `${endpoint}|${name}|${fingerprint}`;
  return {
    source,
    endpoint,
    name,
    parallel,
    onProgress,
    server,
    metadata: metadata.filter(([, value]) => value !== ""),
    settings: { ...settings, checksum: makeChecksum, onOffset: () => undefined },
    notes: key === undefined ? undefined : { store, key, isRead: resume },
  };
}

async function conclude(
  job: Job,
  { url, standing, resumed }: Sent,
  ours: string | undefined,
): Promise<Uploaded> {
  const { sha256, fileUrl, offset } = standing;
  const verified = ours !== undefined && sha256 === ours;
  if (ours !== undefined && sha256 !== undefined && !verified) throw await refuse(job, url, sha256, ours);
  const place = new URL(fileUrl ?? url).pathname.split("/").at(-1) ?? "";
  const id = decoded(place) ?? place;
  return { id, url, fileUrl, name: job.name, size: job.source.size ?? offset, sha256, verified, resumed };
}

/** A source that has changed leaves no mixture of old and new on the server. */
function unchanged({ settings }: Job, url: string): (error: unknown) => Promise<never> {
  return async (error) => {
    // Where that fails too, the first error is the one that tells.
    await removeUpload(url, settings).catch(() => undefined);
    throw error;
  };
}

/** A file that is not what was read here must not stay there as if it were. */
async function refuse(job: Job, url: string, theirs: string, ours: string): Promise<Fault> {
  const message = `${job.name} has the SHA-256 ${ours} here, and ${theirs} on the server`;
  const details = { url, received: theirs, expected: ours };
  try {
    await removeUpload(url, job.settings);
  } catch (cause) {
    const hint = `Remove ${url}: it could not be removed (${toFault(cause).message}). Then upload it again.`;
    return new Fault("mismatch", message, { hint, details, cause });
  }
  const hint = "The server's copy was removed. Did the file change meanwhile? Upload it again.";
  return new Fault("mismatch", message, { hint, details });
}
