// How records stand in intermediate runs: each with its length, and where in it the line begins that has its key.
//
// A record is not only its line: lines that were before any key may stand before it, and each may have a prefix.

/** Two 32-bit integers, little-endian: where the line with the key begins in the record, and the record's bytes. */
export const HEADER = 8;
/** In place of the line's begin: the record's lines continue those of the one before. */
export const CONTINUING = 0xffffffff;
/** In place of the line's begin: none of the record's lines has a key. */
export const KEYLESS = 0xfffffffe;

export function writeHeader(view: DataView, at: number, keyLine: number, length: number): void {
  view.setUint32(at, keyLine, true);
  view.setUint32(at + 4, length, true);
}

export function keyLineOf(view: DataView, at: number): number {
  return view.getUint32(at, true);
}

/** Where the record whose header is at `at` ends. */
export function endOfRecord(view: DataView, at: number): number {
  return at + HEADER + view.getUint32(at + 4, true);
}

/** Behind the last whole record in `[from, to)`, where `from` begins one. */
export function endOfRecords(view: DataView, from: number, to: number): number {
  let end = from;
  while (to - end >= HEADER) {
    const next = endOfRecord(view, end);
    if (next > to) break;
    end = next;
  }
  return end;
}
