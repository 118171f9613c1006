// Sending the chunks of a store, and the parity of each group when its last chunk has gone.

import { ParityEncoder } from "../../compute/reed-solomon.ts";
import { Fault } from "../../wire/faults.ts";
import { crc32 } from "./crc32.ts";
import { TooLarge } from "./errors.ts";
import { chunkExptime } from "./expiry.ts";
import { Frame } from "./frame.ts";
import { putFramed, putItem } from "./items.ts";
import type { Settings } from "./settings.ts";
import type { SourceReader } from "./source.ts";
import type { Upload } from "./upload.ts";
import { abortable, type Window } from "./window.ts";

/** All that the source yields; returns the bytes that stand in chunks. Throws TooLarge, and a Fault `conflict` for a wrong length. */
export async function sendChunks(upload: Upload, window: Window): Promise<number> {
  const { source, options, chunkSize, original, encoding } = upload;
  const { signal, onProgress } = options;
  const free: Frame[] = [];
  const read = () => reading(source, free.pop() ?? new Frame(chunkSize));
  const total = encoding === null ? source.size : options.size;
  let parity: ParityEncoder | undefined;
  let storedSize = 0;
  /** Bytes of the file in the chunks that were sent, and in those that were taken: over several connections a later one may be faster. */
  let sent = 0;
  let done = 0;
  for (let next = read(); ; ) {
    const { frame, bytes } = next;
    const filled = await abortable(bytes, signal);
    if (filled === 0) break;
    if (filled === chunkSize) next = read();
    storedSize += filled;
    const chunk = frame.body.subarray(0, filled);
    if (encoding === null) await original.add(chunk);
    if (upload.parity > 0) {
      parity ??= new ParityEncoder(upload.parity, filled);
      parity.add(chunk);
    }
    const share = original.size - sent;
    sent += share;
    await sendChunk(upload, window, frame, chunk, () => {
      free.push(frame);
      done += share;
      onProgress?.({ done, total });
    });
    if (parity && (parity.pieces === upload.group || filled < chunkSize)) {
      await sendParity(upload, window, parity);
      parity = undefined;
    }
    if (filled < chunkSize) break;
  }
  if (parity) await sendParity(upload, window, parity);
  await abortable(window.drain(), signal);
  checkLength(upload, total);
  return storedSize;
}

/** One chunk is read while the one before is hashed and sent: a tenth of a store's time. */
function reading(
  source: SourceReader,
  frame: Frame,
): { readonly frame: Frame; readonly bytes: Promise<number> } {
  const bytes = source.read(frame.body);
  // A failure is met when its turn comes; if the store fails before, nobody needs to hear of it.
  bytes.catch(() => undefined);
  return { frame, bytes };
}

async function sendChunk(
  upload: Upload,
  window: Window,
  frame: Frame,
  chunk: Uint8Array,
  stored: () => void,
): Promise<void> {
  const { settings, placement, chunks, options, startedAt } = upload;
  const place = placement.chunk(chunks.count);
  chunks.add(place.salt, crc32(chunk));
  const request = frame.request(place.key, chunkExptime(options.ttl, startedAt), chunk.length);
  await window.add(async () => {
    await putFramed(settings.servers, place.key, request);
    stored();
  });
}

async function sendParity(upload: Upload, window: Window, encoder: ParityEncoder): Promise<void> {
  const { settings, placement, parities, parity, options, startedAt } = upload;
  const exptime = chunkExptime(options.ttl, startedAt);
  for (const piece of encoder.finish()) {
    const index = parities.count;
    const place = placement.parity(index, Math.floor(index / parity), encoder.pieces, index % parity);
    parities.add(place.salt, crc32(piece));
    const request = { command: "set" as const, key: place.key, exptime };
    await window.add(() => putItem(settings.servers, request, piece));
  }
}

export function checkSize({ maxSize }: Settings, size: number, shown: string): void {
  if (size <= maxSize) return;
  throw new TooLarge(
    `the file has ${shown} bytes; the limit is ${maxSize}`,
    maxSize,
    "Raise the limit (maxSize, --max-size) if the servers have the memory for it.",
  );
}

function checkLength({ original }: Upload, announced: number | undefined): void {
  if (announced === undefined || original.size === announced) return;
  throw new Fault("conflict", `the source has ${original.size} bytes, but ${announced} were announced`, {
    hint: "Was the file changed while it was being read? Store it again.",
  });
}
