// Storing a file: chunks under keys of a new version, all confirmed present, then the manifest by one atomic command.

import { PARITY_MAX } from "../../compute/reed-solomon.ts";
import { Fault } from "../../wire/faults.ts";
import { findEntry } from "./catalog.ts";
import { compressed, worthCompressing } from "./compression.ts";
import { Evicted, OutOfMemory, TooLarge } from "./errors.ts";
import { isTtl } from "./expiry.ts";
import { groupSize, Placement } from "./layout.ts";
import { type Manifest, manifestBytesMax, storedFile } from "./manifest.ts";
import { manifestKey, newVersion } from "./names.ts";
import {
  findPredecessor,
  isComplete,
  manifestOf,
  type Predecessor,
  publish,
  removeChunks,
  removeEntry,
  takeBack,
} from "./publish.ts";
import { confirmOrResend } from "./resend.ts";
import { checkSize, sendChunks } from "./send.ts";
import type { Features } from "./server.ts";
import { chunkSizeFor, partBytesMax, type Settings, valueBytesMax } from "./settings.ts";
import { openSource, type Source, type SourceReader } from "./source.ts";
import { Original, Sent, type Stored, type StoreOptions, type Upload } from "./upload.ts";
import { abortable, Window, windowOf } from "./window.ts";

/** Bytes under way at once; with `WINDOW_LEAST` chunks of buffers this is what a store needs of memory. */
const WINDOW_BYTES = 2_097_152;
const WINDOW_LEAST = 3;
const WINDOW_MOST = 256;
/** Of a server's memory, what files can fill before it begins to evict: slabs are never full to the last byte. */
const MEMORY_USABLE = 0.95;

export async function storeFile(
  settings: Settings,
  name: string,
  from: Source,
  options: StoreOptions,
): Promise<Stored> {
  const key = manifestKey(settings.prefix, name);
  checkOptions(options);
  const source = await openSource(from, options.size, options.signal);
  let upload: Upload | undefined;
  try {
    if (source.size !== undefined) checkSize(settings, source.size, `${source.size}`);
    options.signal?.throwIfAborted();
    const features = await abortable(settings.servers.features(), options.signal);
    upload = await uploadOf(settings, name, key, { from, opened: source }, options, features);
    checkName(upload);
    const predecessor = await abortable(findPredecessor(upload), options.signal);
    checkMemory(upload, features, predecessor);
    if (options.replace !== "remove-first") return await sendAndPublish(upload, predecessor);
    await removeFirst(upload);
    const stored = await sendAndPublish(upload, NOTHING);
    return { ...stored, replaced: fateOf(predecessor) };
  } finally {
    upload?.original.drop();
    await source.close();
  }
}

async function uploadOf(
  settings: Settings,
  name: string,
  key: string,
  { from, opened }: { readonly from: Source; readonly opened: SourceReader },
  options: StoreOptions,
  { itemSizeMax }: Features,
): Promise<Upload> {
  const { servers, prefix } = settings;
  const { parity = 0 } = options;
  const version = newVersion();
  const group = groupSize(parity, servers.all.length);
  const known = opened.size === undefined ? options : { ...options, size: opened.size };
  const plan =
    options.compress === "zstd"
      ? await worthCompressing(opened, options.signal)
      : { source: opened, worth: false };
  const original = new Original(settings.digests.begin(known.size), (size) =>
    checkSize(settings, size, `more than ${settings.maxSize}`),
  );
  return {
    settings,
    name,
    key,
    version,
    chunkSize: chunkSizeFor(settings, itemSizeMax),
    manifestMax: valueBytesMax(itemSizeMax, key.length),
    partMax: partBytesMax(settings, itemSizeMax),
    parity,
    group,
    source: plan.worth ? compressed(plan.source, original) : plan.source,
    from,
    original,
    encoding: plan.worth ? "zstd" : null,
    options: known,
    startedAt: Date.now(),
    placement: new Placement(servers, prefix, version, group),
    chunks: new Sent(),
    parities: new Sent(),
  };
}

async function sendAndPublish(upload: Upload, found: Predecessor): Promise<Stored> {
  const { settings, from } = upload;
  const window = new Window(windowOf(upload.chunkSize, WINDOW_BYTES, WINDOW_LEAST, WINDOW_MOST));
  let manifest: Manifest | undefined;
  let replaced: Predecessor | undefined;
  try {
    manifest = await manifestOf(upload, await sendChunks(upload, window));
    await confirmOrResend(upload, { ...manifest, parts: 0 }, from);
    replaced = await publish(upload, manifest, found);
    // The manifest itself may have pushed a chunk out: only what is whole now counts as stored.
    await confirmOrResend(upload, manifest, from);
  } catch (error) {
    await window.settle();
    await takeBack(upload, manifest, replaced ?? found).catch((failure: unknown) => {
      // What could not be removed is invisible and will be evicted; the caller must hear the first failure.
      if (error instanceof Error && error.cause === undefined) error.cause = failure;
    });
    throw await withFateOfOld(upload, found, error);
  }
  // It is stored; a failure now would be no reason to say otherwise. What is left of the old version is invisible.
  await removeChunks(settings, replaced.manifest).catch(() => undefined);
  return { ...storedFile(manifest), replaced: fateOf(replaced) };
}

const NOTHING: Predecessor = { cas: undefined, manifest: undefined, complete: false };

function fateOf({ cas, manifest, complete }: Predecessor): Stored["replaced"] {
  if (cas === undefined && manifest === undefined) return null;
  return complete ? "complete" : "incomplete";
}

/** A failed replacement may have pushed out what it was to replace: then its error says so. */
async function withFateOfOld({ settings, name }: Upload, old: Predecessor, error: unknown): Promise<unknown> {
  if (!(error instanceof Evicted) || !old.complete || !old.manifest) return error;
  // If nobody can tell, nothing is claimed.
  if (await isComplete(settings, old.manifest).catch(() => true)) return error;
  return new Evicted(name, error.missing, error.total, {
    hint: "The servers have too little memory for both: the old file has lost chunks too, and nothing whole is left of that name. Store it again with more memory (memcached -m), or with --remove-first.",
    cause: error,
  });
}

/** Two versions that do not fit side by side would push each other out, and perhaps neither would be left. */
function checkMemory(
  { settings, options, parity, group }: Upload,
  { memory }: Features,
  old: Predecessor,
): void {
  if (memory === undefined || options.size === undefined || options.replace === "remove-first") return;
  if (!old.complete || !old.manifest) return;
  const overhead = (size: number, k: number, d: number) => (k === 0 ? size : size * (1 + k / d));
  const both =
    overhead(options.size, parity, group) +
    overhead(old.manifest.storedSize, old.manifest.parity, old.manifest.group);
  if (both <= memory * MEMORY_USABLE) return;
  const names = settings.servers.all.map(({ name }) => name).join(", ");
  throw new OutOfMemory(names, `the old and the new version need ${Math.ceil(both)} bytes, of ${memory}`, {
    hint: "Nothing was sent. Give the servers more memory (memcached -m), or let the old version go first (--remove-first): if that store fails, neither is there.",
  });
}

async function removeFirst({ settings, key, name }: Upload): Promise<void> {
  const entry = await findEntry(settings, name);
  if (entry) await removeEntry(settings, key, name, entry);
}

/** A server that is sent an item that is too large deletes what it had under that key. */
function checkName({ name, manifestMax }: Upload): void {
  if (manifestBytesMax(name, 0, 0) <= manifestMax) return;
  throw new TooLarge(
    `a manifest with a name of ${name.length} characters does not fit in an item`,
    manifestMax,
    "Use a shorter name, or start the server with a larger item limit (memcached -I).",
  );
}

function checkOptions({ ttl, size, parity = 0, replace, compress }: StoreOptions): void {
  if (ttl !== undefined && !isTtl(ttl)) {
    throw new Fault("invalid", `ttl must be above 0 ms and end before 2038-01-19, not ${ttl}`, {
      hint: "memcached tells no later time. Without a ttl a file is not forgotten.",
    });
  }
  if (replace !== undefined && typeof replace !== "boolean" && replace !== "remove-first") {
    throw new Fault("invalid", `replace must be true, false or "remove-first", not ${String(replace)}`);
  }
  if (compress !== undefined && compress !== "zstd") {
    throw new Fault("invalid", `compress must be "zstd" or be left out, not ${String(compress)}`);
  }
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) {
    throw new Fault("invalid", `size must be a whole number of bytes, not ${size}`);
  }
  if (!(Number.isSafeInteger(parity) && parity >= 0 && parity <= PARITY_MAX)) {
    throw new Fault("invalid", `parity must be 0 to ${PARITY_MAX} chunks, not ${parity}`);
  }
}
