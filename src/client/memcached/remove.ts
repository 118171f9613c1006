// Removing a file: first its manifest, so that it is invisible at once, then its chunks.

import { Corrupt, NotFound, Replaced } from "./errors.ts";
import { deleteItems, deleteVersion, readItem } from "./items.ts";
import { decodeManifest, type Manifest } from "./manifest.ts";
import { chunkKeys, manifestKey } from "./names.ts";
import type { Settings } from "./settings.ts";

const ATTEMPTS = 16;

/** Complete, incomplete or with a damaged manifest: it is gone afterwards. Throws NotFound when nothing is there. */
export async function removeFile(settings: Settings, name: string, signal?: AbortSignal): Promise<void> {
  const key = manifestKey(settings.prefix, name);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    signal?.throwIfAborted();
    const item = await readItem(settings.servers, key);
    if (!item) throw new NotFound(name);
    // Only the version whose chunks are known may go: another one may have taken its place just now.
    if (!(await deleteVersion(settings.servers, key, item.cas ?? "0"))) continue;
    const manifest = manifestIn(item.data, name);
    if (manifest) {
      await deleteItems(settings.servers, chunkKeys(settings.prefix, manifest.version, manifest.chunks));
    }
    return;
  }
  throw new Replaced(name, "removed");
}

/** undefined where it is damaged: then nobody knows its chunks, and the server evicts them in time. */
function manifestIn(data: Uint8Array, name: string): Manifest | undefined {
  try {
    return decodeManifest(data, name);
  } catch (error) {
    if (error instanceof Corrupt) return undefined;
    throw error;
  }
}
