// Listing the files: the manifests among all the keys that the servers name.

import { Corrupt } from "./errors.ts";
import { readItems } from "./items.ts";
import { dumpKeys } from "./key-dump.ts";
import { decodeManifest, type StoredFile } from "./manifest.ts";
import { isManifestKey } from "./names.ts";
import type { Settings } from "./settings.ts";

/** Manifests are up to one item large each, so only so many are fetched at once. */
const BATCH = 16;

/** In no particular order; a file is listed without looking for its chunks. Damaged manifests are left out. */
export async function* listFiles(
  settings: Settings,
  signal?: AbortSignal,
): AsyncGenerator<StoredFile, void, undefined> {
  const keys: string[] = [];
  for (const server of settings.servers.all) {
    await dumpKeys(server, signal, ({ key }) => {
      if (isManifestKey(settings.prefix, key)) keys.push(key);
    });
  }
  for (let start = 0; start < keys.length; start += BATCH) {
    signal?.throwIfAborted();
    const items = await readItems(settings.servers, keys.slice(start, start + BATCH));
    for (const data of items.values()) {
      const file = readable(data);
      if (file) yield file;
    }
  }
}

function readable(data: Uint8Array): StoredFile | undefined {
  try {
    return decodeManifest(data, undefined).file;
  } catch (error) {
    if (error instanceof Corrupt) return undefined;
    throw error;
  }
}
