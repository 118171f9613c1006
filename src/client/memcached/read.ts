// Reading a stored file: every chunk is checked before it is passed on, the whole by its SHA-256 at the end.

import { findEntry, wholeManifest } from "./catalog.ts";
import { decompressed } from "./compression.ts";
import { Corrupt, Evicted, NotFound, Replaced } from "./errors.ts";
import { exptimeAt } from "./expiry.ts";
import { missingItems, putItem } from "./items.ts";
import { groupOf, lostForGood, slotLength } from "./layout.ts";
import type { Manifest, ManifestHead, StoredFile } from "./manifest.ts";
import { manifestKey } from "./names.ts";
import { Outage } from "./outage.ts";
import { isSound, type Reading, readingOf, rebuildGroup } from "./rebuild.ts";
import { Room } from "./room.ts";
import type { Settings } from "./settings.ts";
import { slotsOf } from "./slots.ts";
import type { Progress } from "./upload.ts";
import { abortable } from "./window.ts";

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

export interface Verified extends StoredFile {
  /** Chunks that were lost or damaged, and are there again by parity; from 0. */
  readonly rebuilt: readonly number[];
}

/** Throws NotFound, Corrupt. A manifest of which only a copy is left is put back in its place. */
export async function readHead(settings: Settings, name: string): Promise<ManifestHead> {
  const entry = await findEntry(settings, name);
  if (!entry) throw new NotFound(name);
  const { head, fault, cas, data } = entry;
  if (!head) throw fault ?? new NotFound(name);
  if (cas === undefined) {
    const { servers, prefix } = settings;
    const exptime = exptimeAt(head.file.expiresAt);
    const outage = new Outage(servers);
    await putItem(servers, { command: "add", key: manifestKey(prefix, name), exptime }, data).catch(
      (error: unknown) => outage.note(error),
    );
  }
  return head;
}

/**
 * A file that can be read whole, as far as the servers tell without being read; one that was replaced meanwhile is looked at
 * again once. Throws NotFound, Corrupt, Evicted naming all that is missing, Replaced.
 */
export async function openReading(settings: Settings, name: string, signal?: AbortSignal): Promise<Reading> {
  try {
    return await abortable(openOnce(settings, name), signal);
  } catch (error) {
    if (error instanceof Replaced) return abortable(openOnce(settings, name), signal);
    throw error;
  }
}

async function openOnce(settings: Settings, name: string): Promise<Reading> {
  const { servers } = settings;
  const manifest = await wholeManifest(settings, await readHead(settings, name));
  const outage = new Outage(servers);
  const reading = readingOf(settings, manifest, outage);
  const meta = async (server: (typeof servers.all)[number]) => (await server.features()).meta;
  const each = await Promise.all(
    servers.all.map((server) => meta(server).catch((error: unknown) => outage.note(error))),
  );
  // Without meta commands asking would cost as much as reading; the reading itself will find out.
  if (each.includes(false)) return reading;
  const missing = await missingItems(servers, reading.keys, { outage });
  if (lostForGood(manifest, missing).length > 0) throw await whyMissing(reading, missing);
  return reading;
}

/**
 * The verified bytes, in order; memory is bounded at any pace of the consumer. Throws Evicted, Corrupt, or
 * Replaced when the file was changed meanwhile; only when it ends without an error was the whole file right.
 */
export async function* verifiedBytes(
  reading: Reading,
  { signal, onProgress, reuse = false }: RetrieveOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { manifest, settings } = reading;
  const packed = manifest.encoding !== null;
  const digest = settings.digests.begin(manifest.size);
  let done = 0;
  try {
    const chunks = soundChunks(reading, signal, reuse && !packed);
    for await (const bytes of packed ? decompressed(manifest.name, chunks) : chunks) {
      await digest.add(bytes);
      done += bytes.length;
      yield bytes;
      onProgress?.({ done, total: manifest.size });
    }
    checkDigest(manifest, await digest.finish());
  } finally {
    digest.drop();
  }
}

async function* soundChunks(
  reading: Reading,
  signal: AbortSignal | undefined,
  reuse: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { index, data, sound } of chunksOf(reading, signal, reuse)) {
    if (!data) throw await whyMissing(reading);
    if (!sound) throw damaged(reading.manifest, [index]);
    yield data;
  }
}

/** Reads all of it and keeps none. Throws like verifiedBytes, but Corrupt names every damaged chunk. */
export async function verifyChunks(reading: Reading, { signal, onProgress }: ReadOptions): Promise<Verified> {
  const { manifest, settings } = reading;
  const bad: number[] = [];
  let done = 0;
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const { index, data, sound } of chunksOf(reading, signal, manifest.encoding === null)) {
      if (!data) throw await whyMissing(reading);
      if (!sound) bad.push(index);
      done += slotLength(manifest, index);
      onProgress?.({ done, total: manifest.storedSize });
      // What is behind a damaged chunk need not be looked at but by its own checksum.
      if (bad.length === 0) yield data;
    }
  }
  const digest = settings.digests.begin(manifest.size);
  try {
    const bytes = manifest.encoding === null ? all() : decompressed(manifest.name, all());
    for await (const piece of bytes) await digest.add(piece);
    if (bad.length === 0) checkDigest(manifest, await digest.finish());
  } catch (error) {
    if (bad.length === 0 || !(error instanceof Corrupt)) throw error;
  } finally {
    digest.drop();
  }
  if (bad.length > 0) throw damaged(manifest, bad);
  const { checksums: _, salts: __, parts: ___, ...file } = manifest;
  return { ...file, rebuilt: reading.rebuilt };
}

interface Chunk {
  readonly index: number;
  /** undefined: it is not there, and cannot be rebuilt. */
  readonly data: Uint8Array | undefined;
  /** Its length and checksum are those of the manifest. */
  readonly sound: boolean;
}

async function* chunksOf(
  reading: Reading,
  signal: AbortSignal | undefined,
  reuse: boolean,
): AsyncGenerator<Chunk, void, undefined> {
  const { manifest } = reading;
  const rebuilder = new Rebuilder(reading);
  const room = reuse ? new Room() : undefined;
  for await (const { slot, data } of slotsOf(reading, manifest.chunks, room, signal)) {
    const sound = data !== undefined && isSound(manifest, slot, data);
    if (sound) yield { index: slot, data, sound };
    else yield (await abortable(rebuilder.chunk(slot), signal)) ?? { index: slot, data, sound };
  }
}

/** Rebuilds a group when its first bad chunk is met, and keeps it until the next one. */
class Rebuilder {
  readonly #reading: Reading;
  #group = -1;
  #pieces: Map<number, Uint8Array> | undefined;

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  async chunk(index: number): Promise<Chunk | undefined> {
    const { manifest } = this.#reading;
    if (manifest.parity === 0) return undefined;
    const group = groupOf(manifest, index);
    if (group !== this.#group || !this.#pieces?.has(index)) {
      this.#pieces = await rebuildGroup(this.#reading, group);
      this.#group = group;
    }
    const data = this.#pieces?.get(index);
    return data && { index, data, sound: true };
  }
}

/** A chunk is missing: because another version took the place of this one, or because it was evicted. */
async function whyMissing(reading: Reading, known?: readonly number[]): Promise<Error> {
  const { settings, manifest, keys, outage } = reading;
  const { name, version, chunks } = manifest;
  const entry = await findEntry(settings, name);
  if (!entry || (entry.head && entry.head.file.version !== version)) return new Replaced(name, "read");
  const missing = known ?? (await missingItems(settings.servers, keys, { outage }));
  const lost = lostForGood(manifest, missing);
  return new Evicted(name, lost, chunks, {
    hint: outage.text,
    cause: outage.first,
    parity: manifest.parity,
  });
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
