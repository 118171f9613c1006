// The manifests as items: found under the file's name or in a copy, read with their parts, written, copied, and removed.

import { PARITY_MAX } from "../../compute/reed-solomon.ts";
import type { ValueReply } from "../../wire/memcached/client-replies.ts";
import { Corrupt, ServerUnreachable } from "./errors.ts";
import { exptimeAt } from "./expiry.ts";
import { deleteItems, putItem, readItem, readItems } from "./items.ts";
import { copyKeys, partWithCopies } from "./layout.ts";
import {
  type ChunkTable,
  decodeManifest,
  decodeTable,
  encodeTable,
  type Manifest,
  type ManifestHead,
  type StoredFile,
} from "./manifest.ts";
import { copyBase, manifestKey } from "./names.ts";
import { Outage } from "./outage.ts";
import type { Servers } from "./servers.ts";
import type { Settings } from "./settings.ts";

/** What is known under a name. */
export interface Entry {
  /** Of the item under the name itself; undefined: only a copy of it is left. */
  readonly cas: string | undefined;
  /** undefined: it is no manifest, see `fault`. */
  readonly head: ManifestHead | undefined;
  readonly fault: Corrupt | undefined;
  /** The item's value. */
  readonly data: Uint8Array;
}

/**
 * The entry of a name, or undefined. Where the item is gone, or its server does not answer, the copies on other servers are asked (files
 * with parity have some). Throws ServerUnreachable if its server does not answer and there is no copy.
 */
export async function findEntry(settings: Settings, name: string): Promise<Entry | undefined> {
  const { servers, prefix } = settings;
  const item = await readOrOutage(servers, manifestKey(prefix, name));
  if (item && !(item instanceof ServerUnreachable)) {
    return { cas: item.cas ?? "", ...decoded(item.data, name), data: item.data };
  }
  const copies = await readItems(servers, manifestCopies(settings, name), { outage: new Outage(servers) });
  const entries = [...copies.values()].map((data) => ({ cas: undefined, ...decoded(data, name), data }));
  const sound = entries.filter(({ head }) => head !== undefined);
  // A copy that a dying replacement left behind is older.
  sound.sort((a, b) => (b.head?.file.storedAt ?? 0) - (a.head?.file.storedAt ?? 0));
  if (!sound[0] && item) throw item;
  return sound[0];
}

/** With its table. Throws Corrupt, also when a part of the table is not there. */
export async function wholeManifest(settings: Settings, { file, table }: ManifestHead): Promise<Manifest> {
  if (!("parts" in table)) return { ...file, ...table, parts: 0 };
  const { servers, prefix } = settings;
  const outage = new Outage(servers);
  const pieces: Uint8Array[] = [];
  for (let part = 0; part < table.parts; part++) {
    const keys = partWithCopies(servers, prefix, file, part);
    const found = await readItems(servers, keys, { outage });
    const piece = keys.map((key) => found.get(key)).find((data) => data !== undefined);
    if (!piece) {
      throw new Corrupt(file.name, `part ${part} of ${table.parts} of its manifest is gone`);
    }
    pieces.push(piece);
  }
  return { ...file, ...decodeTable(Buffer.concat(pieces), file), parts: table.parts };
}

/** Puts the parts of the table, if it has any, with their copies. */
export async function putParts(
  settings: Settings,
  manifest: Manifest,
  bytesEach: number,
  exptime: number,
): Promise<void> {
  if (manifest.parts === 0) return;
  const { servers, prefix } = settings;
  const table = encodeTable(manifest);
  for (let part = 0; part < manifest.parts; part++) {
    const piece = table.subarray(part * bytesEach, (part + 1) * bytesEach);
    const keys = partWithCopies(servers, prefix, manifest, part);
    await Promise.all(keys.map((key) => putItem(servers, { command: "set", key, exptime }, piece)));
  }
}

/** In how many parts the table has to stand, so that every item is small enough; 0: it fits into the manifest. */
export function partsFor(
  table: ChunkTable,
  manifestBytes: number,
  manifestMax: number,
  bytesEach: number,
): number {
  return manifestBytes <= manifestMax ? 0 : Math.ceil(encodeTable(table).length / bytesEach);
}

/** The keys of the copies that a manifest may have. */
export function manifestCopies({ servers, prefix }: Settings, name: string): string[] {
  return copyKeys(servers, manifestKey(prefix, name), copyBase(prefix, name), PARITY_MAX);
}

/**
 * Brings the copies in line with the item under the name, until it did not change meanwhile: writers of the same name may be
 * at it at once, and the last one to look must leave what stands.
 */
export async function settleCopies(settings: Settings, name: string): Promise<void> {
  if (settings.servers.all.length === 1) return;
  let written: string | undefined;
  for (;;) {
    const item = await readItem(settings.servers, manifestKey(settings.prefix, name));
    const head = item && decoded(item.data, name).head;
    if (!item || !head || head.file.parity === 0)
      return deleteItems(settings.servers, manifestCopies(settings, name));
    if (item.cas === written) return;
    await putCopies(settings, name, head.file, item.data);
    // The version before may have had more.
    await deleteItems(settings.servers, manifestCopies(settings, name).slice(head.file.parity));
    written = item.cas;
  }
}

/** As many copies as the file has parity chunks in a group, each on a server of its own. */
export async function putCopies(
  settings: Settings,
  name: string,
  file: StoredFile,
  data: Uint8Array,
): Promise<void> {
  const exptime = exptimeAt(file.expiresAt);
  const keys = manifestCopies(settings, name).slice(0, file.parity);
  await Promise.all(keys.map((key) => putItem(settings.servers, { command: "set", key, exptime }, data)));
}

/** The same without taking what is no manifest for an error. */
function decoded(data: Uint8Array, name: string): Pick<Entry, "head" | "fault"> {
  try {
    return { head: decodeManifest(data, name), fault: undefined };
  } catch (error) {
    if (error instanceof Corrupt) return { head: undefined, fault: error };
    throw error;
  }
}

/** The outage as a value: what it means is known when the copies were asked. */
async function readOrOutage(
  servers: Servers,
  key: string,
): Promise<ValueReply | ServerUnreachable | undefined> {
  try {
    return await readItem(servers, key);
  } catch (error) {
    if (error instanceof ServerUnreachable && servers.all.length > 1) return error;
    throw error;
  }
}
