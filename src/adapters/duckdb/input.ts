// The input of an aggregation as a local file that DuckDB reads without surprises.

import { open } from "node:fs/promises";
import type { AggregationSource, CsvFormat, RejectedRow } from "../../ports/aggregation.ts";
import { type Findings, scan } from "./scan.ts";

export interface LocalInput {
  readonly path: string;
  /** Lines that were set apart before DuckDB reads the file; they are blank in it. */
  readonly rejects: readonly RejectedRow[];
  /** Bytes in `path` stand where they stand in the text. */
  readonly inPlace: boolean;
}

const CR = 13;
const LF = 10;

/**
 * The file itself where it is local and plain; else a copy at `spool`, and a second one where that is not sound either.
 * DuckDB loses rows without a word where line ends are mixed, and all of a buffer behind a quote that is not closed.
 */
export async function localInput(
  { content }: Pick<AggregationSource, "content">,
  { quote }: Pick<CsvFormat, "quote">,
  spool: string,
  signal: AbortSignal,
): Promise<LocalInput> {
  const quoteByte = quote.charCodeAt(0);
  const path = "path" in content ? content.path : spool;
  if (!("path" in content)) await write(spool, content, signal);
  const findings = await scan(path, quoteByte, signal);
  const { unclosed, mixedEnds } = findings;
  if (unclosed.length === 0 && !mixedEnds) return { path, rejects: [], inPlace: true };
  const sound = `${spool}.sound`;
  await write(sound, soundLines(path, findings, quoteByte), signal);
  return { path: sound, rejects: unclosed.map(({ reject }) => reject), inPlace: false };
}

/** By file handle: Bun's own writer drops the error of a full disk. */
async function write(path: string, source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  await using file = await open(path, "w");
  for await (const bytes of source) {
    signal.throwIfAborted();
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, at, bytes.length - at);
      at += bytesWritten;
    }
  }
}

/** The file without its unclosed lines (their line ends stay, so that lines are counted the same), all ends `\n`. */
async function* soundLines(path: string, { unclosed }: Findings, quote: number): AsyncGenerator<Uint8Array> {
  const file = Bun.file(path);
  let at = 0;
  for (const { start, end } of [...unclosed, { start: file.size, end: file.size }]) {
    const ends = new LineEnds(quote);
    for await (const piece of file.slice(at, start).stream()) yield ends.next(piece);
    at = end;
  }
}

/** Turns `\r\n` and a lone `\r` into `\n` outside of quotes. What is inside of them is content. */
class LineEnds {
  readonly #quote: number;
  #quoted = false;
  /** The last byte of the piece before was a `\r` that became `\n`; a `\n` after it is the same line end. */
  #afterCr = false;

  constructor(quote: number) {
    this.#quote = quote;
  }

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
      if (byte === this.#quote) this.#quoted = !this.#quoted;
      if (byte === CR && !this.#quoted) {
        this.#afterCr = true;
        out[length++] = LF;
      } else out[length++] = byte;
    }
    return out.subarray(0, length);
  }
}
