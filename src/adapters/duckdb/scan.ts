// Looks through a CSV for what DuckDB must not meet: quotes that are not closed, and line ends of several kinds.
//
// At the speed of indexOf (1 GB/s and more), since most files have neither many quotes nor carriage returns.

import { type FileHandle, open } from "node:fs/promises";
import type { RejectedRow } from "../../ports/aggregation.ts";

/** A line with a quote that is not closed: the bytes [start, end), without its line end. */
export interface UnclosedLine {
  readonly start: number;
  readonly end: number;
  readonly reject: RejectedRow;
}

export interface Findings {
  readonly unclosed: readonly UnclosedLine[];
  /** Not all line ends are `\n`, nor all `\r\n`. */
  readonly mixedEnds: boolean;
}

/** A quoted field is no longer than that. */
const LONGEST_FIELD = 1_048_576;
const PIECE = 1_048_576;
const CR = 13;
const LF = 10;
const SHOWN = 1_000;

export async function scan(path: string, quote: number, signal: AbortSignal): Promise<Findings> {
  await using file = await open(path);
  const { size } = await file.stat();
  const ends = new Ends();
  const unclosed: { readonly start: number; readonly end: number }[] = [];
  const buffer = Buffer.allocUnsafe(PIECE);
  let opened = -1;
  for (let at = 0; at < size; ) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, PIECE, at);
    if (bytesRead === 0) break;
    const bytes = buffer.subarray(0, bytesRead);
    ends.look(bytes);
    for (let i = bytes.indexOf(quote); i >= 0; i = bytes.indexOf(quote, i + 1)) {
      opened = opened < 0 ? at + i : -1;
    }
    at += bytesRead;
    if (opened < 0 || (at < size && at - opened < LONGEST_FIELD)) continue;
    const line = await lineAround(file, opened, size);
    unclosed.push(line);
    // What comes after that line is not inside of a quote, so it is looked at again.
    at = line.end;
    opened = -1;
    ends.restart();
  }
  return { unclosed: await describe(file, quote, unclosed), mixedEnds: ends.mixed };
}

/** Which kinds of line ends there are. Looking at the same bytes again does no harm. */
class Ends {
  #bareLf = false;
  #bareCr = false;
  #pairs = false;
  #afterCr = false;

  get mixed(): boolean {
    return this.#bareCr || this.#afterCr || (this.#pairs && this.#bareLf);
  }

  /** The next bytes do not follow the ones before. */
  restart(): void {
    this.#afterCr = false;
  }

  look(bytes: Buffer): void {
    let cr = bytes.indexOf(CR);
    if (this.#afterCr) {
      if (bytes[0] === LF) this.#pairs = true;
      else this.#bareCr = true;
    }
    const continued = this.#afterCr && bytes[0] === LF;
    this.#afterCr = bytes[bytes.length - 1] === CR;
    if (cr < 0) {
      this.#bareLf ||= bytes.includes(LF, continued ? 1 : 0);
      return;
    }
    for (; cr >= 0; cr = bytes.indexOf(CR, cr + 1)) {
      if (bytes[cr + 1] === LF) this.#pairs = true;
      else if (cr + 1 < bytes.length) this.#bareCr = true;
    }
    for (let lf = bytes.indexOf(LF, continued ? 1 : 0); lf >= 0; lf = bytes.indexOf(LF, lf + 1)) {
      if (bytes[lf - 1] !== CR) this.#bareLf = true;
    }
  }
}

async function lineAround(
  file: FileHandle,
  at: number,
  size: number,
): Promise<{ readonly start: number; readonly end: number }> {
  const isEnd = (byte: number | undefined) => byte === LF || byte === CR;
  const buffer = Buffer.allocUnsafe(65_536);
  let [start, end] = [at, at];
  for (let found = false; start > 0 && !found; ) {
    const from = Math.max(0, start - buffer.length);
    const { bytesRead } = await file.read(buffer, 0, start - from, from);
    let i = bytesRead;
    while (i > 0 && !isEnd(buffer[i - 1])) i--;
    found = i > 0;
    start = from + i;
  }
  for (let found = false; end < size && !found; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, end);
    if (bytesRead === 0) break;
    const i = buffer.subarray(0, bytesRead).findIndex(isEnd);
    found = i >= 0;
    end += found ? i : bytesRead;
  }
  return { start, end };
}

/** Counts the lines up to each, as DuckDB will: line breaks inside of quotes do not count. */
async function describe(
  file: FileHandle,
  quote: number,
  unclosed: readonly { readonly start: number; readonly end: number }[],
): Promise<UnclosedLine[]> {
  const described: UnclosedLine[] = [];
  const buffer = Buffer.allocUnsafe(PIECE);
  let [at, line] = [0, 1];
  for (const { start, end } of unclosed) {
    let [quoted, before] = [false, 0];
    while (at < start) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(PIECE, start - at), at);
      if (bytesRead === 0) break;
      for (const byte of buffer.subarray(0, bytesRead)) {
        if (byte === quote) quoted = !quoted;
        else if (!quoted && (byte === CR || (byte === LF && before !== CR))) line++;
        before = byte;
      }
      at += bytesRead;
    }
    const shown = Buffer.alloc(Math.min(SHOWN, end - start));
    await file.read(shown, 0, shown.length, start);
    const text = new TextDecoder().decode(shown);
    described.push({ start, end, reject: { line, position: start, reason: REASON, text } });
    at = end;
  }
  return described;
}

const REASON = "a quote is not closed";
