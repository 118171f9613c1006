// Removing a file: first its manifest, so that it is invisible at once, then its chunks.

import { findEntry } from "./catalog.ts";
import { NotFound, Replaced } from "./errors.ts";
import { manifestKey } from "./names.ts";
import { removeEntry } from "./publish.ts";
import type { Settings } from "./settings.ts";

const ATTEMPTS = 16;

/** Complete, incomplete or with a damaged manifest: it is gone afterwards. Throws NotFound when nothing is there. */
export async function removeFile(settings: Settings, name: string, signal?: AbortSignal): Promise<void> {
  const key = manifestKey(settings.prefix, name);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    signal?.throwIfAborted();
    const entry = await findEntry(settings, name);
    if (!entry) throw new NotFound(name);
    if (await removeEntry(settings, key, name, entry)) return;
  }
  throw new Replaced(name, "removed");
}
