// Where the rows of keys stand that were folded lately, so that the next fold overwrites them without looking for their keys.
//
// Written for speed: of 2.1 µs that SQLite's statements take to overwrite one of a million rows, 1.1 found it by its key. A table of
// hashes, 8 bytes a row; what finds no room takes the place of another. It may be wrong about a key, never about a row: so whoever
// uses it asks for the key too.

/** Bits of a hash beside the bytes of a value; the others choose the slot, of which there are as many at least. */
const SIZE_BITS = 17;
const LARGEST = (1 << SIZE_BITS) - 1;
const LARGEST_ID = 0x7fff_ffff;

export class KnownRows {
  /** Two words a row: its id, 0 for none; then of the hash the upper bits, and the bytes of the value. */
  readonly #words: Int32Array;
  readonly #mask: number;

  /** `bytes` of memory, which is taken as it fills; 1 MiB at least. */
  constructor(bytes: number) {
    const slots = 2 ** Math.max(SIZE_BITS, Math.floor(Math.log2(bytes / 8)));
    this.#words = new Int32Array(2 * slots);
    this.#mask = slots - 1;
  }

  /** The id of the row that a key of this hash had; 0: not known. */
  id(hash: number): number {
    const at = (hash & this.#mask) * 2;
    const isSame = ((this.#words[at + 1] as number) ^ hash) >>> SIZE_BITS === 0;
    return isSame ? (this.#words[at] as number) : 0;
  }

  /** Of the value in the row that `id` told, if it is the key's. */
  size(hash: number): number {
    return (this.#words[(hash & this.#mask) * 2 + 1] as number) & LARGEST;
  }

  /** The key's value stands in this row, and has so many bytes. */
  note(hash: number, id: number, size: number): void {
    const at = (hash & this.#mask) * 2;
    const fits = id <= LARGEST_ID && size <= LARGEST;
    this.#words[at] = fits ? id : 0;
    this.#words[at + 1] = (hash & ~LARGEST) | (fits ? size : 0);
  }

  /** The key has no row any more, or not one that may be overwritten without having been looked at. */
  forget(hash: number): void {
    this.#words[(hash & this.#mask) * 2] = 0;
  }

  clear(): void {
    this.#words.fill(0);
  }
}
