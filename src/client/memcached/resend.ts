// Sending again what servers dropped while they took the rest. Stock memcached does that now and then although it has the memory: while
// it moves free memory between its size classes (slab_automove, after many items were deleted) it evicts instead.

import { Fault, isFault } from "../../wire/faults.ts";
import { putParts } from "./catalog.ts";
import { Evicted } from "./errors.ts";
import { chunkExptimeAt } from "./expiry.ts";
import type { Manifest } from "./manifest.ts";
import { Outage } from "./outage.ts";
import { confirmChunks } from "./publish.ts";
import { readingOf } from "./rebuild.ts";
import { restoreSlots } from "./restore.ts";
import { canReadAgain, type Source } from "./source.ts";
import type { Upload } from "./upload.ts";

const ATTEMPTS = 2;

/**
 * Like confirmChunks; what is missing is sent again first: parts of the manifest, what parity brings back, and the rest if the source can
 * be read a second time. Throws Evicted.
 */
export async function confirmOrResend(upload: Upload, manifest: Manifest, from: Source): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await confirmChunks(upload, manifest);
    } catch (error) {
      // If half of it is gone, there is too little memory indeed.
      if (!(error instanceof Evicted) || attempt === ATTEMPTS || error.missing.length > error.total / 2) {
        throw error;
      }
      if (!(await resend(upload, manifest, error.missing, from)))
        throw (await canReadAgain(from)) ? error : withoutSource(error, upload);
    }
  }
}

/** False when nothing can be done about some of them. */
async function resend(
  { settings, partMax, options }: Upload,
  manifest: Manifest,
  missing: readonly number[],
  from: Source,
): Promise<boolean> {
  const reading = readingOf(settings, manifest, new Outage(settings.servers));
  const lost = missing.filter((slot) => slot < reading.keys.length);
  if (lost.length < missing.length) {
    await putParts(settings, manifest, partMax, chunkExptimeAt(manifest.expiresAt));
  }
  if (lost.length === 0) return true;
  const source = (await canReadAgain(from)) ? from : undefined;
  try {
    return (await restoreSlots(reading, lost, { source, signal: options.signal })).length === 0;
  } catch (error) {
    if (!isFault(error) || error.code !== "mismatch") throw error;
    throw new Fault("conflict", `the source changed while it was stored: ${error.message}`, {
      hint: "Store it again when nobody writes to it.",
      cause: error,
    });
  }
}

function withoutSource(error: Evicted, { name, parity }: Upload): Evicted {
  return new Evicted(name, error.missing, error.total, {
    hint: "The server dropped them while it took the others, and a stream cannot be read twice. Nothing was stored. Repeat it: from a file, which is read again where that happens; with parity (--parity 1); or with more memory (memcached -m).",
    parity,
    cause: error,
  });
}
