// A file's bytes in order by several connections at once: a window of pieces is in memory, never more.

import type { Span } from "../../wire/byte-ranges.ts";
import { readRange, readWhole } from "./read-range.ts";
import type { RemoteFile, TransferSettings } from "./remote-file.ts";
import { missingPieces } from "./spans.ts";

/** Memory is this, times the connections and one. */
const PIECE_BYTES = 4 * 1_048_576;

/** For what cannot be written at any position: a pipe, a browser's file, a Blob. Faults as those of readRange. */
export async function* readOrdered(
  file: RemoteFile,
  parallel: number,
  settings: TransferSettings,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { size, validator } = file;
  if (size === undefined || validator === undefined) {
    for await (const { bytes } of readWhole(file, settings)) yield bytes;
    return;
  }
  const ranged = { ...file, size, validator };
  if (parallel === 1) {
    for await (const { bytes } of readRange(ranged, { start: 0, end: size }, settings)) yield bytes;
    return;
  }
  yield* ahead(missingPieces([], size, PIECE_BYTES), parallel, settings.signal, (span, signal) =>
    collect(ranged, span, { ...settings, signal }),
  );
}

/** The results of `fetch` in order, `lanes` of them under way while one is in the reader's hands. */
async function* ahead(
  spans: readonly Span[],
  lanes: number,
  signal: AbortSignal | undefined,
  fetch: (span: Span, signal: AbortSignal) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const waiting = spans.values();
  const running: Promise<Uint8Array>[] = [];
  const startNext = () => {
    const { value: span } = waiting.next();
    if (!span) return;
    const piece = fetch(span, controller.signal);
    // It is thrown when its turn comes; until then it must not count as unhandled.
    piece.catch(() => undefined);
    running.push(piece);
  };
  try {
    for (let lane = 0; lane < lanes; lane++) startNext();
    for (let piece = running.shift(); piece; piece = running.shift()) {
      const bytes = await piece;
      startNext();
      yield bytes;
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    controller.abort();
  }
}

async function collect(
  file: Parameters<typeof readRange>[0],
  span: Span,
  settings: TransferSettings,
): Promise<Uint8Array> {
  const whole = new Uint8Array(span.end - span.start);
  for await (const { at, bytes } of readRange(file, span, settings)) whole.set(bytes, at - span.start);
  return whole;
}
