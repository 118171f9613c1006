// Bringing slots of a file back that were lost or damaged: from its parity, and from the bytes that it was made of.

import { ParityEncoder } from "../../compute/reed-solomon.ts";
import { Fault } from "../../wire/faults.ts";
import { compressed } from "./compression.ts";
import { crc32 } from "./crc32.ts";
import { quoted } from "./errors.ts";
import { readItems } from "./items.ts";
import { groupAt, groupOf, slotLength } from "./layout.ts";
import type { Manifest } from "./manifest.ts";
import { isSound, putBack, type Reading, rebuildGroup } from "./rebuild.ts";
import { openSource, type Source, type SourceReader } from "./source.ts";
import { Original } from "./upload.ts";
import { abortable } from "./window.ts";

export interface RestoreOptions {
  /** The bytes that were stored; undefined: only parity can help. */
  readonly source?: Source | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns those that could not be brought back. Throws a Fault `mismatch` when the source is not what was stored: no chunk that differs is
 * sent.
 */
export async function restoreSlots(
  reading: Reading,
  bad: readonly number[],
  { source, signal }: RestoreOptions,
): Promise<number[]> {
  const left = await fromParity(reading, bad);
  if (left.length === 0 || source === undefined) return left;
  return fromSource(reading, left, source, signal);
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
  const opened = await openSource(from, undefined, signal);
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
