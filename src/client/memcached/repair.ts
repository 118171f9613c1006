// Repairing a file: what is missing or damaged of it is sent again, from its parity, or from the bytes it was made of.

import { ParityEncoder } from "../../compute/reed-solomon.ts";
import { Fault } from "../../wire/faults.ts";
import { findEntry, putCopies, putParts, wholeManifest } from "./catalog.ts";
import { compressed } from "./compression.ts";
import { crc32 } from "./crc32.ts";
import { NotFound, quoted } from "./errors.ts";
import { chunkExptimeAt, exptimeAt } from "./expiry.ts";
import { putItem, readItems } from "./items.ts";
import { groupAt, groupOf, slotLength } from "./layout.ts";
import { encodeManifest, type Manifest, type StoredFile, storedFile } from "./manifest.ts";
import { manifestKey } from "./names.ts";
import { Outage } from "./outage.ts";
import type { ReadOptions } from "./read.ts";
import { isSound, putBack, type Reading, readingOf, rebuildGroup } from "./rebuild.ts";
import { partBytesMax, type Settings } from "./settings.ts";
import { openSource, type Source, type SourceReader } from "./source.ts";
import { Original } from "./upload.ts";
import { abortable } from "./window.ts";

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
  const left = bad.length === 0 ? bad : await repairSlots(reading, bad, options);
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
  const { settings, manifest, keys, outage } = reading;
  const bad: number[] = [];
  let done = 0;
  for (let slot = 0; slot < keys.length; slot++) {
    const key = keys.at(slot) ?? "";
    signal?.throwIfAborted();
    const bytes = (await abortable(readItems(settings.servers, [key], { outage }), signal)).get(key);
    if (!bytes || !isSound(manifest, slot, bytes)) bad.push(slot);
    if (slot < manifest.chunks) done += slotLength(manifest, slot);
    onProgress?.({ done, total: manifest.storedSize });
  }
  return bad;
}

/** Returns those that could not be repaired. */
async function repairSlots(
  reading: Reading,
  bad: readonly number[],
  options: RepairOptions,
): Promise<number[]> {
  const left = await fromParity(reading, bad);
  if (left.length === 0 || options.source === undefined) return left;
  return fromSource(reading, left, options.source, options.signal);
}

async function fromParity(reading: Reading, bad: readonly number[]): Promise<number[]> {
  const { manifest } = reading;
  if (manifest.parity === 0) return [...bad];
  const { chunks, parity } = manifest;
  const groups = new Set(
    bad.map((slot) => (slot < chunks ? groupOf(manifest, slot) : Math.floor((slot - chunks) / parity))),
  );
  const left: number[] = [];
  for (const index of groups) {
    const { data, parity: parities } = groupAt(manifest, index);
    const lost = bad.filter((slot) => data.includes(slot) || parities.includes(slot));
    const pieces = await rebuildGroup(reading, index);
    if (pieces) left.push(...(await putParityBack(reading, index, lost)));
    else left.push(...lost);
  }
  return left;
}

/** The chunks of the group are there again: what is lost of its parity is computed from them. */
async function putParityBack(reading: Reading, index: number, lost: readonly number[]): Promise<number[]> {
  const { settings, manifest, keys, outage } = reading;
  const { data, parity } = groupAt(manifest, index);
  const found = await readItems(
    settings.servers,
    data.map((slot) => keys.at(slot) ?? ""),
    { outage },
  );
  const encoder = new ParityEncoder(manifest.parity, slotLength(manifest, data[0] ?? 0));
  const left: number[] = [];
  for (const slot of data) {
    const bytes = found.get(keys.at(slot) ?? "");
    if (bytes && isSound(manifest, slot, bytes)) encoder.add(bytes);
    else left.push(slot);
  }
  if (left.length > 0) return [...left, ...lost.filter((slot) => parity.includes(slot))];
  for (const [row, piece] of encoder.finish().entries()) {
    const slot = parity[row] ?? 0;
    if (lost.includes(slot) && !(await putBack(reading, slot, piece))) left.push(slot);
  }
  return left;
}

/** Two passes would need a source that can be read twice, so every chunk is held against its checksum before it is sent. */
async function fromSource(
  reading: Reading,
  lost: readonly number[],
  from: Source,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const { manifest } = reading;
  const opened = await openSource(from, undefined);
  const original = new Original(reading.settings.digests.begin(manifest.size), (size) => {
    if (size > manifest.size) throw mismatch(manifest, "it has more bytes");
  });
  try {
    if (opened.size !== undefined && opened.size !== manifest.size) {
      throw mismatch(manifest, `it has ${opened.size} bytes, not ${manifest.size}`);
    }
    const source = manifest.encoding === "zstd" ? compressed(opened, original) : opened;
    const left = await resend(reading, new Set(lost), source, original, signal);
    if ((await original.digest()) !== manifest.sha256) throw mismatch(manifest, "its SHA-256 is another one");
    return left;
  } finally {
    original.drop();
    await opened.close();
  }
}

async function resend(
  reading: Reading,
  lost: ReadonlySet<number>,
  source: SourceReader,
  original: Original,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const { manifest } = reading;
  const left: number[] = [];
  const chunk = new Uint8Array(manifest.chunkSize);
  let encoder: ParityEncoder | undefined;
  for (let slot = 0; slot < manifest.chunks; slot++) {
    const bytes = chunk.subarray(0, await abortable(source.read(chunk), signal));
    if (bytes.length !== slotLength(manifest, slot) || crc32(bytes) !== manifest.checksums[slot]) {
      throw mismatch(manifest, `chunk ${slot} of ${manifest.chunks} differs`);
    }
    if (manifest.encoding === null) await original.add(bytes);
    if (lost.has(slot) && !(await putBack(reading, slot, bytes))) left.push(slot);
    if (manifest.parity === 0) continue;
    const group = groupAt(manifest, groupOf(manifest, slot));
    encoder ??= new ParityEncoder(manifest.parity, slotLength(manifest, slot));
    encoder.add(bytes);
    if (slot !== group.data.at(-1)) continue;
    for (const [row, piece] of encoder.finish().entries()) {
      const parity = group.parity[row] ?? 0;
      if (lost.has(parity) && !(await putBack(reading, parity, piece))) left.push(parity);
    }
    encoder = undefined;
  }
  if ((await abortable(source.read(chunk), signal)) > 0) throw mismatch(manifest, "it has more bytes");
  return left;
}

function mismatch({ name, encoding }: Manifest, what: string): Fault {
  return new Fault("mismatch", `this is not what was stored as ${quoted(name)}: ${what}`, {
    hint:
      encoding === null
        ? "Name the file that was stored; or store this one with replace (--replace)."
        : "Name the file that was stored. If it is that, another version of zstd compresses it differently: store it with replace (--replace).",
  });
}
