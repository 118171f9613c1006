// Reading a stored file: every chunk is checked before it is passed on, the whole by its SHA-256 at the end.

import { createHash } from "node:crypto";
import { crc32 } from "./crc32.ts";
import { Corrupt, Evicted, NotFound, Replaced } from "./errors.ts";
import { missingItems, readItem, readItems } from "./items.ts";
import { chunkLength, decodeManifest, type Manifest } from "./manifest.ts";
import { chunkKeys, manifestKey } from "./names.ts";
import { Room } from "./room.ts";
import type { Settings } from "./settings.ts";
import type { Progress } from "./store.ts";
import { abortable, windowOf } from "./window.ts";

export interface ReadOptions {
  /** Stops it; what waits rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after every chunk. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface RetrieveOptions extends ReadOptions {
  /**
   * Every piece is overwritten once the next one is asked for: write it out or copy it before. Saves tens of MB of memory; default
   * false. It concerns the iteration; `stream()` always yields pieces of their own.
   */
  readonly reuse?: boolean;
}

/** A request asks for so many bytes, and so many requests are under way or waiting to be consumed. */
const BATCH_BYTES = 524_288;
const BATCH_CHUNKS_MOST = 256;
const BATCHES_AHEAD = 3;

/** Throws NotFound, Corrupt. */
export async function readManifest(settings: Settings, name: string): Promise<Manifest> {
  const item = await readItem(settings.servers, manifestKey(settings.prefix, name));
  if (!item) throw new NotFound(name);
  return decodeManifest(item.data, name);
}

/**
 * The manifest of a file of which every chunk is there; a file that was replaced meanwhile is looked at again once.
 * Throws NotFound, Corrupt, Evicted naming all that is missing, Replaced.
 */
export async function readComplete(
  settings: Settings,
  name: string,
  signal?: AbortSignal,
): Promise<Manifest> {
  try {
    return await abortable(readOnce(settings, name), signal);
  } catch (error) {
    if (error instanceof Replaced) return abortable(readOnce(settings, name), signal);
    throw error;
  }
}

async function readOnce(settings: Settings, name: string): Promise<Manifest> {
  const manifest = await readManifest(settings, name);
  const { meta } = await settings.servers.features();
  // Without meta commands asking would cost as much as reading; the reading itself will find out.
  if (!meta) return manifest;
  const keys = chunkKeys(settings.prefix, manifest.version, manifest.chunks);
  const missing = await missingItems(settings.servers, keys);
  if (missing.length > 0) throw await whyMissing(settings, manifest, missing);
  return manifest;
}

/**
 * The verified bytes, chunk by chunk, in order; memory is bounded at any pace of the consumer. Throws Evicted, Corrupt, or
 * Replaced when the file was changed meanwhile; only when it ends without an error was the whole file right.
 */
export async function* verifiedChunks(
  settings: Settings,
  manifest: Manifest,
  { signal, onProgress, reuse = false }: RetrieveOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash("sha256");
  let done = 0;
  for await (const { index, data, sound } of chunksOf(settings, manifest, signal, reuse)) {
    if (!data) throw await whyMissing(settings, manifest);
    if (!sound) throw damaged(manifest, [index]);
    hash.update(data);
    done += data.length;
    yield data;
    onProgress?.({ done, total: manifest.size });
  }
  checkDigest(manifest, hash.digest("hex"));
}

/** Reads all of it and keeps none. Throws like verifiedChunks, but Corrupt names every damaged chunk. */
export async function verifyChunks(
  settings: Settings,
  manifest: Manifest,
  { signal, onProgress }: ReadOptions,
): Promise<void> {
  const hash = createHash("sha256");
  const bad: number[] = [];
  let done = 0;
  for await (const { index, data, sound } of chunksOf(settings, manifest, signal, true)) {
    if (!data) throw await whyMissing(settings, manifest);
    if (!sound) bad.push(index);
    hash.update(data);
    done += chunkLength(manifest, index);
    onProgress?.({ done, total: manifest.size });
  }
  if (bad.length > 0) throw damaged(manifest, bad);
  checkDigest(manifest, hash.digest("hex"));
}

interface Chunk {
  readonly index: number;
  /** undefined: it is not there. */
  readonly data: Uint8Array | undefined;
  /** Its length and checksum are those of the manifest. */
  readonly sound: boolean;
}

async function* chunksOf(
  settings: Settings,
  manifest: Manifest,
  signal: AbortSignal | undefined,
  reuse: boolean,
): AsyncGenerator<Chunk, void, undefined> {
  const keys = chunkKeys(settings.prefix, manifest.version, manifest.chunks);
  const batch = windowOf(manifest.chunkSize, BATCH_BYTES, 1, BATCH_CHUNKS_MOST);
  const room = reuse ? new Room() : undefined;
  const ahead: Promise<Map<string, Uint8Array>>[] = [];
  const request = (start: number) => {
    if (start >= keys.length) return;
    const items = readItems(settings.servers, keys.slice(start, start + batch), room);
    // A failure is met when its turn comes; if the consumer leaves before, nobody needs to hear of it.
    items.catch(() => undefined);
    ahead.push(items);
  };
  for (let i = 0; i < BATCHES_AHEAD; i++) request(i * batch);
  for (let start = 0; start < keys.length; start += batch) {
    const items = await abortable(ahead.shift() ?? Promise.resolve(new Map()), signal);
    request(start + BATCHES_AHEAD * batch);
    for (let index = start; index < Math.min(keys.length, start + batch); index++) {
      signal?.throwIfAborted();
      const data = items.get(keys[index] ?? "");
      yield { index, data, sound: data !== undefined && isSound(manifest, index, data) };
      if (data) room?.giveBack(data);
    }
  }
}

function isSound(manifest: Manifest, index: number, data: Uint8Array): boolean {
  return data.length === chunkLength(manifest, index) && crc32(data) === manifest.checksums[index];
}

/** A chunk is missing: because another version took the place of this one, or because it was evicted. */
async function whyMissing(settings: Settings, manifest: Manifest, known?: readonly number[]): Promise<Error> {
  const { name, version, chunks } = manifest;
  const item = await readItem(settings.servers, manifestKey(settings.prefix, name));
  if (!item || decodeManifest(item.data, name).version !== version) return new Replaced(name, "read");
  const missing =
    known ?? (await missingItems(settings.servers, chunkKeys(settings.prefix, version, chunks)));
  return new Evicted(name, missing, chunks);
}

function damaged({ name, chunks }: Manifest, bad: readonly number[]): Corrupt {
  const which =
    bad.length === 1
      ? `chunk ${bad[0]}`
      : `chunks ${bad.slice(0, 12).join(", ")}${bad.length > 12 ? ", …" : ""}`;
  return new Corrupt(
    name,
    `${which} of ${chunks} ${bad.length === 1 ? "differs" : "differ"} from what was stored`,
    bad,
  );
}

function checkDigest({ name, sha256 }: Manifest, found: string): void {
  if (found !== sha256) throw new Corrupt(name, "its SHA-256 is not the one that was stored");
}
