// Storing a file: chunks under keys of a new version, all confirmed present, then the manifest by one atomic command.

import { createHash } from "node:crypto";
import { Fault } from "../../wire/faults.ts";
import { crc32 } from "./crc32.ts";
import { AlreadyExists, Corrupt, Evicted, Replaced, TooLarge } from "./errors.ts";
import { chunkExptime, exptimeAt, manifestExptime } from "./expiry.ts";
import { deleteItems, deleteVersion, missingItems, putItem, readItem } from "./items.ts";
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  manifestBytesMax,
  type StoredFile,
  storedFile,
} from "./manifest.ts";
import { chunkKey, chunkKeys, manifestKey, newVersion } from "./names.ts";
import { chunkSizeFor, type Settings, valueBytesMax } from "./settings.ts";
import { openSource, type Source, type SourceReader } from "./source.ts";
import { abortable, Window, windowOf } from "./window.ts";

export interface Progress {
  /** Bytes that the server has taken, or that were handed out. */
  readonly done: number;
  /** Bytes of the file; undefined for a stream of unknown size. */
  readonly total: number | undefined;
}

export interface StoreOptions {
  /** Stops the store; its chunks are removed and nothing is visible. The promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after every chunk. */
  readonly onProgress?: (progress: Progress) => void;
  /** Milliseconds until the server forgets the file, counted from now, rounded up to seconds; default: never. */
  readonly ttl?: number;
  /** Switch a file of that name over to this one, atomically, and remove the old one's chunks; default false. */
  readonly replace?: boolean;
  /** Bytes of a stream, if you know them: too large is then refused before a byte is sent, and any other length fails. */
  readonly size?: number;
}

export interface Stored extends StoredFile {
  /** The file that was there before: `complete` (with replace), `incomplete` (it had lost chunks), or null. */
  readonly replaced: "complete" | "incomplete" | null;
}

/** Bytes under way at once; with `WINDOW_LEAST` chunks of buffers this is what a store needs of memory. */
const WINDOW_BYTES = 2_097_152;
const WINDOW_LEAST = 3;
const WINDOW_MOST = 256;
const REPLACE_ATTEMPTS = 16;

interface Upload {
  readonly settings: Settings;
  readonly name: string;
  readonly key: string;
  readonly version: string;
  readonly chunkSize: number;
  /** Bytes that the server takes as a manifest. */
  readonly manifestMax: number;
  readonly source: SourceReader;
  readonly options: StoreOptions;
  readonly startedAt: number;
  /** Of the chunks that may have reached the server. */
  readonly checksums: number[];
}

/** What stands under the name before the store: nothing, or a version that will be switched out. */
type Predecessor =
  | { readonly cas: undefined }
  | { readonly cas: string; readonly manifest: Manifest | undefined; readonly complete: boolean };

export async function storeFile(
  settings: Settings,
  name: string,
  from: Source,
  options: StoreOptions,
): Promise<Stored> {
  const key = manifestKey(settings.prefix, name);
  checkOptions(options);
  const source = await openSource(from, options.size);
  try {
    if (source.size !== undefined) checkSize(settings, source.size, `${source.size}`);
    options.signal?.throwIfAborted();
    const { itemSizeMax } = await abortable(settings.servers.features(), options.signal);
    const upload: Upload = {
      settings,
      name,
      key,
      version: newVersion(),
      chunkSize: chunkSizeFor(settings, itemSizeMax),
      manifestMax: valueBytesMax(itemSizeMax, key.length),
      source,
      options,
      startedAt: Date.now(),
      checksums: [],
    };
    if (source.size !== undefined) checkManifestFits(upload, Math.ceil(source.size / upload.chunkSize));
    const predecessor = await abortable(findPredecessor(upload), options.signal);
    return await sendAndPublish(upload, predecessor);
  } finally {
    await source.close();
  }
}

async function sendAndPublish(upload: Upload, found: Predecessor): Promise<Stored> {
  const { settings, name, options } = upload;
  const window = new Window(windowOf(upload.chunkSize, WINDOW_BYTES, WINDOW_LEAST, WINDOW_MOST));
  let replaced: Predecessor | undefined;
  let stored: StoredFile;
  try {
    const { size, sha256 } = await sendChunks(upload, window);
    await confirmChunks(upload);
    const manifest: Manifest = {
      name,
      size,
      sha256,
      version: upload.version,
      chunkSize: upload.chunkSize,
      chunks: upload.checksums.length,
      storedAt: upload.startedAt,
      expiresAt: options.ttl === undefined ? null : upload.startedAt + options.ttl,
      checksums: upload.checksums,
    };
    replaced = await publish(upload, manifest, found);
    // The manifest itself may have pushed a chunk out: only what is whole now counts as stored.
    await confirmChunks(upload);
    stored = storedFile(manifest);
  } catch (error) {
    await window.settle();
    await takeBack(upload, replaced).catch((failure: unknown) => {
      // What could not be removed is invisible and will be evicted; the caller must hear the first failure.
      if (error instanceof Error && error.cause === undefined) error.cause = failure;
    });
    throw error;
  }
  if (replaced.cas === undefined) return { ...stored, replaced: null };
  // The file is stored, whatever becomes of the old chunks: nobody can see them, and they will be evicted.
  await removeOld(settings, replaced.manifest).catch(() => undefined);
  return { ...stored, replaced: replaced.complete ? "complete" : "incomplete" };
}

async function sendChunks(upload: Upload, window: Window): Promise<{ size: number; sha256: string }> {
  const { settings, source, options, chunkSize } = upload;
  const { signal, onProgress } = options;
  const hash = createHash("sha256");
  const free: Uint8Array[] = [];
  const exptime = chunkExptime(upload.options.ttl, upload.startedAt);
  let size = 0;
  let done = 0;
  for (;;) {
    const buffer = free.pop() ?? new Uint8Array(chunkSize);
    const filled = await abortable(source.read(buffer), signal);
    if (filled === 0) break;
    size += filled;
    checkSize(settings, size, `more than ${settings.maxSize}`);
    checkManifestFits(upload, upload.checksums.length + 1);
    const chunk = buffer.subarray(0, filled);
    hash.update(chunk);
    const key = chunkKey(settings.prefix, upload.version, upload.checksums.push(crc32(chunk)) - 1);
    await window.add(async () => {
      await putItem(settings.servers, { command: "set", key, exptime }, chunk);
      free.push(buffer);
      done += filled;
      onProgress?.({ done, total: source.size });
    });
    if (filled < chunkSize) break;
  }
  await abortable(window.drain(), signal);
  if (source.size !== undefined && size !== source.size) {
    throw new Fault("conflict", `the source has ${size} bytes, but ${source.size} were announced`, {
      hint: "Was the file changed while it was being read? Store it again.",
    });
  }
  return { size, sha256: hash.digest("hex") };
}

async function findPredecessor(upload: Upload): Promise<Predecessor> {
  const { settings, name, key, options } = upload;
  const item = await readItem(settings.servers, key);
  if (!item) return { cas: undefined };
  const cas = item.cas ?? "";
  let manifest: Manifest;
  try {
    manifest = decodeManifest(item.data, name);
  } catch (error) {
    if (!(error instanceof Corrupt)) throw error;
    if (options.replace) return { cas, manifest: undefined, complete: false };
    throw new AlreadyExists(name, {
      hint: `What is there cannot be read (${error.message}). Remove it first, or store with replace (--replace).`,
      cause: error,
    });
  }
  const keys = chunkKeys(settings.prefix, manifest.version, manifest.chunks);
  const complete = (await missingItems(settings.servers, keys)).length === 0;
  if (complete && !options.replace) throw new AlreadyExists(name);
  return { cas, manifest, complete };
}

/** Makes the new version visible by one atomic command; returns what it took the place of. */
async function publish(upload: Upload, manifest: Manifest, found: Predecessor): Promise<Predecessor> {
  const { settings, name, key, options } = upload;
  const data = encodeManifest(manifest);
  let predecessor = found;
  for (let attempt = 0; attempt < REPLACE_ATTEMPTS; attempt++) {
    options.signal?.throwIfAborted();
    const { cas } = predecessor;
    const command = cas === undefined ? { command: "add" as const } : { command: "cas" as const, cas };
    const reply = await putItem(
      settings.servers,
      { ...command, key, exptime: manifestExptime(upload.options.ttl, upload.startedAt) },
      data,
    );
    if (reply === "STORED") return predecessor;
    // Somebody else was faster. Without replace this throws AlreadyExists if theirs is complete.
    predecessor = await findPredecessor(upload);
  }
  throw new Replaced(name, "stored");
}

async function confirmChunks(upload: Upload): Promise<void> {
  const { settings, name, version, checksums, options } = upload;
  const keys = chunkKeys(settings.prefix, version, checksums.length);
  const missing = await abortable(
    missingItems(settings.servers, keys, chunkExptime(upload.options.ttl, upload.startedAt)),
    options.signal,
  );
  if (missing.length === 0) return;
  throw new Evicted(
    name,
    missing,
    keys.length,
    "The server has too little memory to hold the file: give it more (memcached -m), or remove other files. Nothing was stored.",
  );
}

/** Undoes a store that failed: the file that it replaced comes back, if it was whole; then its chunks are removed. */
async function takeBack(upload: Upload, replaced: Predecessor | undefined): Promise<void> {
  const { settings, name, key, version, checksums } = upload;
  const { servers } = settings;
  const item = await readItem(servers, key);
  if (item?.cas !== undefined && isVersion(item.data, name, version)) {
    const old = replaced?.cas === undefined || !replaced.complete ? undefined : replaced.manifest;
    if (old)
      await putItem(
        servers,
        { command: "cas", key, exptime: exptimeAt(old.expiresAt), cas: item.cas },
        encodeManifest(old),
      );
    else await deleteVersion(servers, key, item.cas);
  }
  await deleteItems(servers, chunkKeys(settings.prefix, version, checksums.length));
}

function isVersion(data: Uint8Array, name: string, version: string): boolean {
  try {
    return decodeManifest(data, name).version === version;
  } catch (error) {
    if (error instanceof Corrupt) return false;
    throw error;
  }
}

async function removeOld(settings: Settings, manifest: Manifest | undefined): Promise<void> {
  if (!manifest) return;
  await deleteItems(settings.servers, chunkKeys(settings.prefix, manifest.version, manifest.chunks));
}

function checkOptions({ ttl, size }: StoreOptions): void {
  if (ttl !== undefined && !(ttl > 0)) throw new Fault("invalid", `ttl must be above 0 ms, not ${ttl}`);
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) {
    throw new Fault("invalid", `size must be a whole number of bytes, not ${size}`);
  }
}

function checkSize({ maxSize }: Settings, size: number, shown: string): void {
  if (size <= maxSize) return;
  throw new TooLarge(
    `the file has ${shown} bytes; the limit is ${maxSize}`,
    maxSize,
    "Raise the limit (maxSize, --max-size) if the servers have the memory for it.",
  );
}

function checkManifestFits({ name, manifestMax, chunkSize, settings }: Upload, chunks: number): void {
  if (manifestBytesMax(name, chunks) <= manifestMax) return;
  throw new TooLarge(
    `${chunks} chunks of ${chunkSize} bytes are too many: their checksums do not fit in one item`,
    settings.maxSize,
    "Use larger chunks (chunkSize, --chunk-size).",
  );
}
