// The moment a store becomes visible: what stands under the name, switching it by one atomic command, and taking that back.

import {
  type Entry,
  findEntry,
  manifestCopies,
  partsFor,
  putParts,
  settleCopies,
  wholeManifest,
} from "./catalog.ts";
import { AlreadyExists, Corrupt, Evicted, Replaced } from "./errors.ts";
import { chunkExptime, exptimeAt, manifestExptime } from "./expiry.ts";
import { deleteItems, deleteVersion, missingItems, putItem } from "./items.ts";
import { joinedKeys, type Keys } from "./keys.ts";
import { lostForGood, partKeys, slotKeys } from "./layout.ts";
import { type ChunkTable, encodeManifest, type Manifest, manifestBytesMax } from "./manifest.ts";
import type { Settings } from "./settings.ts";
import type { Upload } from "./upload.ts";
import { abortable } from "./window.ts";

/** What stands under the name before the store: nothing, or a version that will be switched out. */
export interface Predecessor {
  /** undefined: no item under the name itself. */
  readonly cas: string | undefined;
  readonly manifest: Manifest | undefined;
  /** What was there could be read: all its chunks, or enough of them. */
  readonly complete: boolean;
}

const REPLACE_ATTEMPTS = 16;

/** Throws AlreadyExists unless the upload may take the place of what is there. */
export async function findPredecessor(upload: Upload): Promise<Predecessor> {
  const { settings, name, options } = upload;
  const entry = await findEntry(settings, name);
  if (!entry) return { cas: undefined, manifest: undefined, complete: false };
  const { cas } = entry;
  const manifest = await readable(settings, entry);
  if (manifest instanceof Corrupt) {
    if (options.replace) return { cas, manifest: undefined, complete: false };
    throw new AlreadyExists(name, {
      hint: `What is there cannot be read (${manifest.message}). Remove it first, or store with replace (--replace).`,
      cause: manifest,
    });
  }
  const complete = await isComplete(settings, manifest);
  if (complete && !options.replace) throw new AlreadyExists(name);
  return { cas, manifest, complete };
}

/** Enough of its chunks are there to read it. */
export async function isComplete(settings: Settings, manifest: Manifest): Promise<boolean> {
  const missing = await missingItems(settings.servers, slotKeys(settings.prefix, manifest));
  return lostForGood(manifest, missing).length === 0;
}

/** The manifest of what was sent. */
export async function manifestOf(upload: Upload, storedSize: number): Promise<Manifest> {
  const { name, version, chunkSize, parity, group, encoding, startedAt, options, chunks } = upload;
  const table = tableOf(upload);
  const bytes = manifestBytesMax(name, table.checksums.length, table.salts?.join().length ?? 0);
  return {
    name,
    size: upload.original.size,
    sha256: await upload.original.digest(),
    version,
    encoding,
    storedSize,
    chunkSize,
    chunks: chunks.count,
    parity,
    group,
    storedAt: startedAt,
    expiresAt: options.ttl === undefined ? null : startedAt + options.ttl,
    ...table,
    parts: partsFor(table, bytes, upload.manifestMax, upload.partMax),
  };
}

/** The keys of all chunks that may have reached their servers so far. */
export function sentKeys(upload: Upload): Keys {
  const { settings, version, chunks } = upload;
  return slotKeys(settings.prefix, { version, chunks: chunks.count, ...tableOf(upload) });
}

function tableOf({ chunks, parities }: Upload): ChunkTable {
  const salts = [...chunks.salts, ...parities.salts];
  return {
    checksums: [...chunks.checksums, ...parities.checksums],
    salts: salts.some((salt) => salt !== "") ? salts : null,
  };
}

/** Makes the new version visible by one atomic command; returns what it took the place of. */
export async function publish(upload: Upload, manifest: Manifest, found: Predecessor): Promise<Predecessor> {
  const { settings, name, key, options, startedAt } = upload;
  await putParts(settings, manifest, upload.partMax, chunkExptime(options.ttl, startedAt));
  const data = encodeManifest(manifest);
  let predecessor = found;
  for (let attempt = 0; attempt < REPLACE_ATTEMPTS; attempt++) {
    options.signal?.throwIfAborted();
    const { cas } = predecessor;
    const command = cas === undefined ? { command: "add" as const } : { command: "cas" as const, cas };
    const exptime = manifestExptime(options.ttl, startedAt);
    const reply = await putItem(settings.servers, { ...command, key, exptime }, data);
    if (reply === "STORED") {
      if (manifest.parity > 0 || (predecessor.manifest?.parity ?? 0) > 0) await settleCopies(settings, name);
      return predecessor;
    }
    // Somebody else was faster. Without replace this throws AlreadyExists if theirs is complete.
    predecessor = await findPredecessor(upload);
  }
  throw new Replaced(name, "stored");
}

/** Every chunk, parity chunk and part is there: a server may evict the first while it takes the last. Throws Evicted. */
export async function confirmChunks(upload: Upload, manifest: Manifest): Promise<void> {
  const { settings, name, options, startedAt } = upload;
  const { servers, prefix } = settings;
  const keys = joinedKeys(slotKeys(prefix, manifest), partKeys(servers, prefix, manifest));
  const exptime = chunkExptime(options.ttl, startedAt);
  const missing = await abortable(missingItems(servers, keys, { exptime }), options.signal);
  if (missing.length === 0) return;
  throw new Evicted(name, missing, keys.length, {
    hint: "The servers have too little memory to hold the file: give them more (memcached -m), or remove other files. Nothing was stored.",
  });
}

/** Undoes a store that failed: the file that it replaced comes back, if it was whole; then its chunks are removed. */
export async function takeBack(
  upload: Upload,
  manifest: Manifest | undefined,
  replaced: Predecessor | undefined,
): Promise<void> {
  const { settings, name, key, version } = upload;
  const { servers, prefix } = settings;
  const parts = manifest ? partKeys(servers, prefix, manifest) : [];
  try {
    const entry = await findEntry(settings, name);
    if (entry?.cas !== undefined && entry.head?.file.version === version) {
      const old = replaced?.complete ? replaced.manifest : undefined;
      const exptime = exptimeAt(old?.expiresAt ?? null);
      if (old) await putItem(servers, { command: "cas", key, exptime, cas: entry.cas }, encodeManifest(old));
      else await deleteVersion(servers, key, entry.cas);
    }
    if (upload.parity > 0) await settleCopies(settings, name);
  } finally {
    await deleteItems(servers, joinedKeys(sentKeys(upload), parts));
  }
}

/** Removes all that a version had but its manifest. */
export async function removeChunks(settings: Settings, manifest: Manifest | undefined): Promise<void> {
  if (!manifest) return;
  const { servers, prefix } = settings;
  await deleteItems(servers, joinedKeys(slotKeys(prefix, manifest), partKeys(servers, prefix, manifest)));
}

/** The file under the name goes: its copies first, since they would bring it back, then the item, then the chunks. */
export async function removeEntry(
  settings: Settings,
  key: string,
  name: string,
  entry: Entry,
): Promise<boolean> {
  const manifest = await readable(settings, entry);
  if (settings.servers.all.length > 1) await deleteItems(settings.servers, manifestCopies(settings, name));
  // Only the version whose chunks are known may go: another one may have taken its place just now.
  if (entry.cas !== undefined && !(await deleteVersion(settings.servers, key, entry.cas))) return false;
  // Where the manifest is damaged nobody knows its chunks, and the server evicts them in time.
  if (!(manifest instanceof Corrupt)) await removeChunks(settings, manifest);
  return true;
}

async function readable(settings: Settings, { head, fault }: Entry): Promise<Manifest | Corrupt> {
  if (!head) return fault ?? new Corrupt("(unknown name)", "its manifest is damaged");
  try {
    return await wholeManifest(settings, head);
  } catch (error) {
    if (error instanceof Corrupt) return error;
    throw error;
  }
}
