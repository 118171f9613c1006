// Finds a column of a line in its bytes.

const SPACE = 32;
const TAB = 9;
const CARRIAGE_RETURN = 13;

export class Columns {
  /** Where the column that was sought last begins, and where its line ends, without a carriage return. */
  start = 0;
  lineEnd = 0;
  /** Undefined: runs of spaces and tabs separate. */
  readonly #delimiter: Uint8Array | undefined;
  /** The delimiter, if it is one byte; -1 otherwise. */
  readonly #byte: number;

  constructor(delimiter: string | undefined) {
    if (delimiter !== undefined) this.#delimiter = Buffer.from(delimiter);
    this.#byte = this.#delimiter?.length === 1 ? (this.#delimiter[0] as number) : -1;
  }

  /**
   * Seeks the column, from 1 on, of the line in `[from, to)`, which has no newline; the carriage return of a line end belongs
   * to none. False when the line has fewer columns: `start` is where this one would be, and it is empty.
   */
  seek(bytes: Uint8Array, from: number, to: number, column: number): boolean {
    const end = to > from && bytes[to - 1] === CARRIAGE_RETURN ? to - 1 : to;
    this.lineEnd = end;
    let at = from;
    for (let left = column; ; left -= 1) {
      if (!this.#delimiter) while (at < end && isBlank(bytes[at])) at += 1;
      this.start = at;
      if (left === 1) return this.#delimiter !== undefined || at < end;
      at = this.endFrom(bytes, at);
      if (at === end) break;
      // A delimiter that ends in a carriage return may reach beyond the end.
      if (this.#delimiter) at = Math.min(end, at + this.#delimiter.length);
    }
    this.start = end;
    return false;
  }

  /** Where the column that was sought ends; no delimiter lies between its start and `known`. */
  endFrom(bytes: Uint8Array, known: number): number {
    const end = this.lineEnd;
    const delimiter = this.#byte;
    let at = known;
    if (delimiter >= 0) while (at < end && bytes[at] !== delimiter) at += 1;
    else if (!this.#delimiter) while (at < end && !isBlank(bytes[at])) at += 1;
    else at = this.#endBefore(bytes, known, this.#delimiter);
    return at;
  }

  #endBefore(bytes: Uint8Array, known: number, delimiter: Uint8Array): number {
    const to = bytes[this.lineEnd] === CARRIAGE_RETURN ? this.lineEnd + 1 : this.lineEnd;
    for (let at = Math.max(this.start, known - delimiter.length + 1); at < this.lineEnd; at += 1) {
      let length = 0;
      while (length < delimiter.length && bytes[at + length] === delimiter[length]) length += 1;
      if (length === delimiter.length && at + length <= to) return at;
    }
    return this.lineEnd;
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB;
}
