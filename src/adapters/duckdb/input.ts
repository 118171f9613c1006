// The input of an aggregation as a local file whose lines end in `\n`, which is what DuckDB reads without surprises.

import { open } from "node:fs/promises";
import type { AggregationSource } from "../../ports/aggregation.ts";

const QUOTE = 34;
const CR = 13;
const LF = 10;

/**
 * The path to read. The file itself where it is local and free of carriage returns; else a copy at `spool`: DuckDB
 * loses rows without a word where `\r\n` and `\n` are mixed.
 */
export async function localInput(
  { content }: AggregationSource,
  spool: string,
  signal: AbortSignal,
): Promise<string> {
  const local = "path" in content;
  if (local && !(await hasCarriageReturn(content.path, signal))) return content.path;
  const source = local ? Bun.file(content.path).stream() : content;
  const lines = new LineEnds();
  // By file handle: Bun's own writer drops the error of a full disk.
  await using file = await open(spool, "w");
  for await (const piece of source) {
    signal.throwIfAborted();
    const bytes = lines.next(piece);
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, at, bytes.length - at);
      at += bytesWritten;
    }
  }
  return spool;
}

/** Turns `\r\n` and a lone `\r` into `\n` outside of quotes. What is inside of them is content. */
class LineEnds {
  #quoted = false;
  /** The last byte of the piece before was a `\r` that became `\n`; a `\n` after it is the same line end. */
  #afterCr = false;

  next(piece: Uint8Array): Uint8Array {
    const out = new Uint8Array(piece.length);
    let length = 0;
    for (let i = 0; i < piece.length; i++) {
      const byte = piece[i] ?? 0;
      if (byte === LF && this.#afterCr) {
        this.#afterCr = false;
        continue;
      }
      this.#afterCr = false;
      if (byte === QUOTE) this.#quoted = !this.#quoted;
      if (byte === CR && !this.#quoted) {
        this.#afterCr = true;
        out[length++] = LF;
      } else out[length++] = byte;
    }
    return out.subarray(0, length);
  }
}

async function hasCarriageReturn(path: string, signal: AbortSignal): Promise<boolean> {
  for await (const piece of Bun.file(path).stream()) {
    signal.throwIfAborted();
    if (piece.includes(CR)) return true;
  }
  return false;
}
