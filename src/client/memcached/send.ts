// Sending the chunks of a store, and the parity of each group when its last chunk has gone.

import { ParityEncoder } from "../../compute/reed-solomon.ts";
import { Fault } from "../../wire/faults.ts";
import { crc32 } from "./crc32.ts";
import { TooLarge } from "./errors.ts";
import { chunkExptime } from "./expiry.ts";
import { putItem } from "./items.ts";
import type { Settings } from "./settings.ts";
import type { Sent, Upload } from "./upload.ts";
import { abortable, type Window } from "./window.ts";

/** All that the source yields; returns the bytes that stand in chunks. Throws TooLarge, and a Fault `conflict` for a wrong length. */
export async function sendChunks(upload: Upload, window: Window): Promise<number> {
  const { source, options, chunkSize, original, encoding } = upload;
  const { signal, onProgress } = options;
  const free: Uint8Array[] = [];
  const total = encoding === null ? source.size : options.size;
  let parity: ParityEncoder | undefined;
  let storedSize = 0;
  for (;;) {
    const buffer = free.pop() ?? new Uint8Array(chunkSize);
    const filled = await abortable(source.read(buffer), signal);
    if (filled === 0) break;
    storedSize += filled;
    const chunk = filled === chunkSize ? buffer : buffer.subarray(0, filled);
    if (encoding === null) original.add(chunk);
    if (upload.parity > 0) {
      parity ??= new ParityEncoder(upload.parity, filled);
      parity.add(chunk);
    }
    const taken = original.size;
    await sendOne(upload, window, upload.chunks, chunk, () => {
      free.push(buffer);
      onProgress?.({ done: taken, total });
    });
    const complete = parity?.pieces === upload.group;
    if (parity && (complete || filled < chunkSize)) parity = await sendParity(upload, window, parity);
    if (filled < chunkSize) break;
  }
  if (parity) await sendParity(upload, window, parity);
  await abortable(window.drain(), signal);
  checkLength(upload, total);
  return storedSize;
}

async function sendParity(upload: Upload, window: Window, encoder: ParityEncoder): Promise<undefined> {
  for (const piece of encoder.finish()) await sendOne(upload, window, upload.parities, piece, encoder.pieces);
  return undefined;
}

/** `then`: what happens when a chunk is stored; or, for a parity chunk, how many chunks its group has. */
async function sendOne(
  upload: Upload,
  window: Window,
  sent: Sent,
  bytes: Uint8Array,
  then: (() => void) | number,
): Promise<void> {
  const { settings, placement, options, startedAt, parity } = upload;
  const index = sent.keys.length;
  const place =
    typeof then === "number"
      ? placement.parity(index, Math.floor(index / parity), then, index % parity)
      : placement.chunk(index);
  sent.add(place, crc32(bytes));
  const exptime = chunkExptime(options.ttl, startedAt);
  await window.add(async () => {
    await putItem(settings.servers, { command: "set", key: place.key, exptime }, bytes);
    if (typeof then !== "number") then();
  });
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
