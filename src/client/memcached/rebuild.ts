// Bringing lost chunks of a group back from its parity, and onto their servers again.

import { rebuildPieces } from "../../compute/reed-solomon.ts";
import { crc32 } from "./crc32.ts";
import { OutOfMemory, ServerUnreachable } from "./errors.ts";
import { chunkExptimeAt } from "./expiry.ts";
import { putItem, readItems } from "./items.ts";
import type { Keys } from "./keys.ts";
import { groupAt, slotKeys, slotLength } from "./layout.ts";
import type { Manifest } from "./manifest.ts";
import type { Outage } from "./outage.ts";
import type { Settings } from "./settings.ts";

/** A file that is being read. */
export interface Reading {
  readonly settings: Settings;
  readonly manifest: Manifest;
  /** Of all slots. */
  readonly keys: Keys;
  readonly outage: Outage;
  /** Chunks that were computed again from parity, as they are found. */
  readonly rebuilt: number[];
}

export function readingOf(settings: Settings, manifest: Manifest, outage: Outage): Reading {
  return { settings, manifest, keys: slotKeys(settings.prefix, manifest), outage, rebuilt: [] };
}

/** Its length and checksum are those of the manifest. */
export function isSound(manifest: Manifest, slot: number, bytes: Uint8Array): boolean {
  return bytes.length === slotLength(manifest, slot) && crc32(bytes) === manifest.checksums[slot];
}

/**
 * The lost and damaged chunks of a group by their numbers, computed from what is left of it, and put back on their servers; undefined when
 * too much of it is lost. The group is in memory meanwhile: at most 32 chunks.
 */
export async function rebuildGroup(
  reading: Reading,
  index: number,
): Promise<Map<number, Uint8Array> | undefined> {
  const { settings, manifest, keys, outage } = reading;
  const group = groupAt(manifest, index);
  const slots = [...group.data, ...group.parity];
  const found = await readItems(
    settings.servers,
    slots.map((slot) => keys.at(slot) ?? ""),
    { outage },
  );
  const piece = (slot: number) => {
    const bytes = found.get(keys.at(slot) ?? "");
    return bytes && isSound(manifest, slot, bytes) ? bytes : undefined;
  };
  const data = group.data.map(piece);
  const parity = group.parity.map(piece);
  const left = parity.filter((bytes) => bytes !== undefined).length;
  if (data.filter((bytes) => bytes === undefined).length > left) return undefined;
  const pieces = new Map<number, Uint8Array>();
  for (const [place, bytes] of rebuildPieces(data, parity, slotLength(manifest, group.data[0] ?? 0))) {
    const slot = group.data[place] ?? 0;
    pieces.set(slot, bytes.subarray(0, slotLength(manifest, slot)));
  }
  if ([...pieces].some(([slot, bytes]) => !isSound(manifest, slot, bytes))) return undefined;
  reading.rebuilt.push(...pieces.keys());
  await Promise.all([...pieces].map(([slot, bytes]) => putBack(reading, slot, bytes)));
  return pieces;
}

/** True when the slot is on its server again. One that is down or full is no failure of the reader. */
export async function putBack(
  { settings, manifest, keys }: Reading,
  slot: number,
  bytes: Uint8Array,
): Promise<boolean> {
  const exptime = chunkExptimeAt(manifest.expiresAt);
  try {
    await putItem(settings.servers, { command: "set", key: keys.at(slot) ?? "", exptime }, bytes);
    return true;
  } catch (error) {
    if (error instanceof ServerUnreachable || error instanceof OutOfMemory) return false;
    throw error;
  }
}
