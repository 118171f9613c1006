// Sending chunks again that a server dropped while it took the others. Stock memcached does that now and then although it has the memory:
// while it moves free memory between its size classes (slab_automove, after many items were deleted) it evicts instead.

import { Fault } from "../../wire/faults.ts";
import { crc32 } from "./crc32.ts";
import { Evicted } from "./errors.ts";
import { chunkExptime } from "./expiry.ts";
import { putItem } from "./items.ts";
import type { Manifest } from "./manifest.ts";
import { confirmChunks, sentKeys } from "./publish.ts";
import { openSource, type Source } from "./source.ts";
import type { Upload } from "./upload.ts";
import { abortable } from "./window.ts";

const ATTEMPTS = 2;

/** Like confirmChunks; what is missing is sent again first, where the source can be read a second time. Throws Evicted. */
export async function confirmOrResend(upload: Upload, manifest: Manifest, from: Source): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await confirmChunks(upload, manifest);
    } catch (error) {
      if (!(error instanceof Evicted) || attempt === ATTEMPTS || !canResend(upload, error, from)) throw error;
      await resend(upload, new Set(error.missing), from);
    }
  }
}

/** If half of it is gone, there is too little memory indeed. Parity chunks and parts of a manifest would have to be computed again. */
function canResend({ encoding, chunks }: Upload, { missing }: Evicted, from: Source): boolean {
  const again =
    typeof from === "string" || from instanceof URL || from instanceof Uint8Array || from instanceof Blob;
  const { count } = chunks;
  return again && encoding === null && missing.length <= count / 2 && missing.every((slot) => slot < count);
}

async function resend(upload: Upload, missing: ReadonlySet<number>, from: Source): Promise<void> {
  const { settings, chunks, chunkSize, options, startedAt } = upload;
  const source = await openSource(from, options.size);
  const exptime = chunkExptime(options.ttl, startedAt);
  try {
    const room = new Uint8Array(chunkSize);
    const keys = sentKeys(upload);
    for (let slot = 0; slot < chunks.count; slot++) {
      const chunk = room.subarray(0, await abortable(source.read(room), options.signal));
      if (!missing.has(slot)) continue;
      if (crc32(chunk) !== chunks.checksums[slot]) {
        throw new Fault("conflict", `the source changed while it was stored: chunk ${slot} is another one`, {
          hint: "Store it again when nobody writes to it.",
        });
      }
      await putItem(settings.servers, { command: "set", key: keys.at(slot) ?? "", exptime }, chunk);
    }
  } finally {
    await source.close();
  }
}
