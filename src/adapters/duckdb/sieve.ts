// Separates the rows of a CSV that DuckDB will count from those that it would stumble over: the sound ones into a copy,
// the bad ones, with line, position, reason and text, into the rejects.
//
// DuckDB can do that itself (store_rejects), but of 2 million bad rows it kept 1.96 million, and took 3 GB of memory for
// the 65 MB of them. So it reads strictly, which is fast and loses nothing, and this reads the file when that fails.

import { isUtf8 } from "node:buffer";
import { type FileHandle, open } from "node:fs/promises";
import type { CsvFormat } from "../../ports/aggregation.ts";
import { numberSize } from "./numbers.ts";
import { RecordParser } from "./record-parser.ts";
import { Rejects } from "./rejects.ts";
import { endOfText } from "./utf8.ts";

export interface Sieve {
  /** The file as it came. */
  readonly path: string;
  readonly format: CsvFormat;
  /** The names of all columns. */
  readonly columns: readonly string[];
  /** Positions of those that must hold numbers. */
  readonly numeric: readonly number[];
  /** Paths of what is written: the sound rows, without a header, with `\n` line ends; and the rejects as CSV. */
  readonly copy: string;
  readonly rejects: string;
}

export interface Sifted {
  readonly rejects: Rejects;
  /** Whether all numbers of the sound rows are narrow. */
  readonly narrow: boolean;
}

/** Twice the longest line and more; it is read in small pieces, since each may hold many thousands of bad rows. */
const WINDOW = 4_194_304;
const PIECE = 262_144;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const LF = 10;
const CR = 13;

export async function sift(sieve: Sieve, signal: AbortSignal): Promise<Sifted> {
  await using input = await open(sieve.path);
  await using copy = await open(sieve.copy, "w");
  await using rejects = await Rejects.open(sieve.rejects);
  const rows = new Rows(sieve, rejects);
  const window = Buffer.allocUnsafe(WINDOW);
  let [position, length] = [0, 0];
  for (let whole = false; !whole; ) {
    signal.throwIfAborted();
    const { bytesRead } = await input.read(
      window,
      length,
      Math.min(PIECE, WINDOW - length),
      position + length,
    );
    length += bytesRead;
    whole = bytesRead === 0;
    const done = rows.take(window.subarray(0, length), position, whole);
    await writeAll(copy, rows.sound);
    await rejects.flush();
    window.copyWithin(0, done, length);
    position += done;
    length -= done;
  }
  return { rejects, narrow: rows.narrow };
}

/** Judges the rows of one window after the other. */
class Rows {
  narrow = true;
  readonly #sieve: Sieve;
  readonly #rejects: Rejects;
  readonly #parser: RecordParser;
  readonly #out = Buffer.allocUnsafe(WINDOW + 1);
  #outLength = 0;
  #line = 1;
  #isHeaderNext: boolean;
  /** The line began in the window before, and was rejected there. */
  #skipping = false;

  constructor(sieve: Sieve, rejects: Rejects) {
    this.#sieve = sieve;
    this.#rejects = rejects;
    this.#parser = new RecordParser(sieve.format, sieve.columns.length);
    this.#isHeaderNext = sieve.format.header;
  }

  /** What `take` found to be sound; valid until it is called again. */
  get sound(): Buffer {
    return this.#out.subarray(0, this.#outLength);
  }

  /** Takes all records that end in `bytes`, which stand at `position` of the file. Returns how many bytes those are. */
  take(bytes: Buffer, position: number, whole: boolean): number {
    const parser = this.#parser;
    this.#outLength = 0;
    let at = this.#beginning(bytes, position);
    const isText = isUtf8(bytes.subarray(at, endOfText(bytes)));
    // Sound rows that stand beside each other are copied at once.
    let run = at;
    while (at < bytes.length) {
      if (bytes[at] === LF || bytes[at] === CR) {
        if (bytes[at] === CR && at + 1 === bytes.length && !whole) break;
        this.#copy(bytes, run, at);
        at += bytes[at] === CR && bytes[at + 1] === LF ? 2 : 1;
        run = at;
        this.#line++;
        continue;
      }
      if (!parser.read(bytes, at, bytes.length, whole)) break;
      const fault = this.#isHeaderNext ? undefined : this.#faultOf(bytes, at, isText);
      if (fault !== undefined) {
        this.#rejects.add(this.#line, position + at, fault, bytes.subarray(at, parser.end));
      }
      if (fault !== undefined || this.#isHeaderNext) {
        this.#copy(bytes, run, at);
        run = parser.next;
      } else if (parser.next !== parser.end + 1 || bytes[parser.end] !== LF) {
        this.#copy(bytes, run, parser.end);
        this.#out[this.#outLength++] = LF;
        run = parser.next;
      }
      this.#isHeaderNext = false;
      this.#skipping = parser.cut;
      at = parser.next;
      this.#line++;
    }
    this.#copy(bytes, run, at);
    return at;
  }

  /** Where the first record begins. */
  #beginning(bytes: Buffer, position: number): number {
    if (position === 0 && bytes.subarray(0, 3).equals(BOM)) return BOM.length;
    if (!this.#skipping) return 0;
    const end = bytes.findIndex((byte) => byte === LF || byte === CR);
    if (end < 0) return bytes.length;
    this.#skipping = false;
    return bytes[end] === CR && bytes[end + 1] === LF ? end + 2 : end + 1;
  }

  #copy(bytes: Buffer, from: number, to: number): void {
    if (to > from) this.#outLength += bytes.copy(this.#out, this.#outLength, from, to);
  }

  #faultOf(bytes: Buffer, at: number, isText: boolean): string | undefined {
    const { fault, fields, surplus, end } = this.#parser;
    const { columns, numeric } = this.#sieve;
    if (fault !== undefined) return fault;
    if (!isText && !isUtf8(bytes.subarray(at, end))) return "the row is not UTF-8 text";
    if (fields < columns.length || surplus) return `expected ${columns.length} fields, found ${fields}`;
    for (const column of numeric) {
      const fault = this.#faultOfNumber(bytes, column);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #faultOfNumber(bytes: Buffer, column: number): string | undefined {
    const { from, to, quoted } = this.#parser;
    const [start = 0, end = 0] = [from[column], to[column]];
    if (isShortInteger(bytes, start, end)) return undefined;
    const { quote } = this.#sieve.format;
    const raw = bytes.toString("utf8", start, end);
    const text = quoted[column] === 1 ? raw.replaceAll(quote + quote, quote) : raw;
    const size = numberSize(text);
    if (size === "wide") this.narrow = false;
    if (size !== undefined) return undefined;
    return `${this.#sieve.columns[column]}: ${JSON.stringify(text.slice(0, 100))} is not a number`;
  }
}

/** Nearly all numbers are: up to nine digits, narrow without a closer look. */
function isShortInteger(bytes: Buffer, start: number, end: number): boolean {
  if (end === start || end - start > 9) return false;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] ?? 0) - 48;
    if (digit < 0 || digit > 9) return false;
  }
  return true;
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}
