// Finds one record of a CSV in a buffer, and where its fields stand.
//
// Written for speed: a loop over bytes that allocates nothing, since it sees every row of a file that has a bad one.

import type { CsvFormat } from "../../ports/aggregation.ts";

/** A quoted field is no longer than that; a quote that is open for longer is not closed. */
const LONGEST_FIELD = 1_048_576;
/** DuckDB reads no longer lines. */
export const LONGEST_LINE = 2_000_000;
const LF = 10;
const CR = 13;
const SPACE = 32;

export class RecordParser {
  /** The record without its line end is [start, end); the next one begins at `next`. */
  end = 0;
  next = 0;
  fields = 0;
  /** What RFC 4180 does not allow in it, if anything. Such a record is one line alone. */
  fault: string | undefined;
  /** Whether the line ends beyond the buffer: what comes up to the next line end belongs to it. */
  cut = false;
  /** Of the first fields: [from, to), without the quotes around them. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly quoted: Uint8Array;
  /** Whether a field behind the last column has anything in it. */
  surplus = false;
  readonly #delimiter: number;
  readonly #quote: number;
  readonly #width: number;

  constructor({ delimiter, quote }: Pick<CsvFormat, "delimiter" | "quote">, width: number) {
    this.#delimiter = delimiter.charCodeAt(0);
    this.#quote = quote.charCodeAt(0);
    this.#width = width;
    this.from = new Int32Array(width);
    this.to = new Int32Array(width);
    this.quoted = new Uint8Array(width);
  }

  /**
   * Reads the record that begins at `start`, in the bytes before `limit`; `whole`: no more come after them. False if more
   * of them are needed to tell.
   */
  read(bytes: Buffer, start: number, limit: number, whole: boolean): boolean {
    const [delimiter, quote] = [this.#delimiter, this.#quote];
    this.fields = 0;
    this.fault = undefined;
    this.cut = false;
    this.surplus = false;
    for (let i = start; ; i++) {
      let from = i;
      if (delimiter !== SPACE) while (from < limit && bytes[from] === SPACE) from++;
      const isQuoted = from < limit && bytes[from] === quote;
      let to = 0;
      if (isQuoted) {
        const closing = this.#closing(bytes, from, limit);
        if (closing < 0 && !whole && limit - from < LONGEST_FIELD && limit - start < LONGEST_LINE)
          return false;
        to = closing;
        i = closing + 1;
        if (delimiter !== SPACE) while (i < limit && bytes[i] === SPACE) i++;
        if (closing >= 0 && i >= limit && !whole && limit - start < LONGEST_LINE) return false;
        const sound = closing >= 0 && (i >= limit || isEnd(bytes[i]) || bytes[i] === delimiter);
        if (!sound) return this.#broken(bytes, { start, opened: from, closing }, limit, whole);
        from++;
      } else {
        from = i;
        for (let byte = bytes[i]; i < limit && byte !== delimiter && byte !== LF && byte !== CR; )
          byte = bytes[++i];
        to = i;
      }
      this.#note(from, to, isQuoted);
      if (i < limit && bytes[i] === delimiter) continue;
      return this.#finish(bytes, { start, end: i }, limit, whole);
    }
  }

  #note(from: number, to: number, isQuoted: boolean): void {
    const field = this.fields++;
    if (field < this.#width) {
      this.from[field] = from;
      this.to[field] = to;
      this.quoted[field] = isQuoted ? 1 : 0;
    } else if (to > from) this.surplus = true;
  }

  /** The quote that closes the one at `opened`; -1 if there is none near enough. */
  #closing(bytes: Buffer, opened: number, limit: number): number {
    const quote = this.#quote;
    const furthest = Math.min(limit, opened + LONGEST_FIELD);
    for (let i = opened + 1; i < furthest; i++) {
      if (bytes[i] !== quote) continue;
      if (i + 1 >= limit || bytes[i + 1] !== quote) return i;
      i++;
    }
    return -1;
  }

  /** A quote that is not closed, or something behind the one that closes, costs its own line. */
  #broken(
    bytes: Buffer,
    { start, opened, closing }: { readonly start: number; readonly opened: number; readonly closing: number },
    limit: number,
    whole: boolean,
  ): boolean {
    let end = opened;
    while (end < limit && !isEnd(bytes[end])) end++;
    if (!this.#finish(bytes, { start, end }, limit, whole)) return false;
    this.fault ??= closing < 0 ? "a quote is not closed" : "something follows the end of a quoted field";
    return true;
  }

  #finish(
    bytes: Buffer,
    { start, end }: { readonly start: number; readonly end: number },
    limit: number,
    whole: boolean,
  ): boolean {
    const tooLong = end - start > LONGEST_LINE;
    // A `\r` at the end may be half a line end.
    const unclear = end >= limit || (bytes[end] === CR && end + 1 >= limit);
    if (unclear && !whole && !tooLong) return false;
    this.end = end;
    this.cut = end >= limit && !whole;
    this.next = Math.min(
      limit,
      end + (bytes[end] === CR && end + 1 < limit && bytes[end + 1] === LF ? 2 : 1),
    );
    if (tooLong) this.fault = `the line is longer than ${LONGEST_LINE.toLocaleString("en")} bytes`;
    return true;
  }
}

function isEnd(byte: number | undefined): boolean {
  return byte === LF || byte === CR;
}
