// Repairing a file: every slot is read, and what is missing or damaged is sent again.

import { findEntry, putCopies, putParts, wholeManifest } from "./catalog.ts";
import { NotFound } from "./errors.ts";
import { chunkExptimeAt, exptimeAt } from "./expiry.ts";
import { putItem } from "./items.ts";
import { slotLength } from "./layout.ts";
import { encodeManifest, type Manifest, type StoredFile, storedFile } from "./manifest.ts";
import { manifestKey } from "./names.ts";
import { Outage } from "./outage.ts";
import type { ReadOptions } from "./read.ts";
import { isSound, type Reading, readingOf } from "./rebuild.ts";
import { restoreSlots } from "./restore.ts";
import { Room } from "./room.ts";
import { partBytesMax, type Settings } from "./settings.ts";
import { slotsOf } from "./slots.ts";
import type { Source } from "./source.ts";

export interface RepairOptions extends ReadOptions {
  /** The bytes that were stored. Without them only what parity can bring back is repaired. */
  readonly source?: Source;
}

export interface Repaired extends StoredFile {
  /** Chunks that were missing or damaged and are there again, from 0; parity chunks count on behind the chunks. */
  readonly repaired: readonly number[];
  /** Those that are still missing, in the same way. */
  readonly missing: readonly number[];
}

/**
 * Looks at every chunk and sends again only what is missing or damaged. Throws NotFound, Corrupt (the manifest), and a Fault `mismatch`
 * when the source is not what was stored; nothing is sent from it then.
 */
export async function repairFile(
  settings: Settings,
  name: string,
  options: RepairOptions,
): Promise<Repaired> {
  const { servers } = settings;
  const entry = await findEntry(settings, name);
  if (!entry) throw new NotFound(name);
  if (!entry.head) throw entry.fault ?? new NotFound(name);
  await servers.features();
  const manifest = await wholeManifest(settings, entry.head);
  const reading = readingOf(settings, manifest, new Outage(servers));
  const bad = await badSlots(reading, options);
  const left = bad.length === 0 ? bad : await restoreSlots(reading, bad, options);
  await restoreManifest(settings, manifest, entry.cas === undefined ? "add" : undefined);
  const still = new Set(left);
  return { ...storedFile(manifest), repaired: bad.filter((slot) => !still.has(slot)), missing: left };
}

/** The parts, the copies, and where it was gone the manifest itself. */
async function restoreManifest(
  settings: Settings,
  manifest: Manifest,
  command: "add" | undefined,
): Promise<void> {
  const { servers, prefix } = settings;
  const { itemSizeMax } = await servers.features();
  const data = encodeManifest(manifest);
  await putParts(settings, manifest, partBytesMax(settings, itemSizeMax), chunkExptimeAt(manifest.expiresAt));
  if (command) {
    const key = manifestKey(prefix, manifest.name);
    await putItem(servers, { command, key, exptime: exptimeAt(manifest.expiresAt) }, data);
  }
  await putCopies(settings, manifest.name, manifest, data);
}

/** Reads all of it; the slots that are missing or damaged. */
async function badSlots(reading: Reading, { signal, onProgress }: RepairOptions): Promise<number[]> {
  const { manifest, keys } = reading;
  const bad: number[] = [];
  let done = 0;
  for await (const { slot, data } of slotsOf(reading, keys.length, new Room(), signal)) {
    if (!data || !isSound(manifest, slot, data)) bad.push(slot);
    if (slot < manifest.chunks) done += slotLength(manifest, slot);
    onProgress?.({ done, total: manifest.storedSize });
  }
  return bad;
}
