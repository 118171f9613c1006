// The bytes of an item as they stand in the journal and in the ring: one layout, so that a commit is copied, not rebuilt.
//
// Written for speed: numbers in typed arrays, keys compared as the bytes they are.

/** Every entry begins on a multiple of 8 bytes, in the byte order of the machine. All numbers are in its 40 bytes of head. */
export const ENTRY = {
  /** u32 of the key. */
  hash: 0,
  /** u32: length of the key, kind, state and marks, a byte each from the lowest. */
  shape: 4,
  /** u32, bytes of the value. */
  size: 8,
  flags: 12,
  /** f64 */
  cas: 16,
  /** f64, ms since 1970; of a `FLUSH_AT` its time. */
  exptime: 24,
  /** u32: the journal's segment that holds it; 0 in the journal itself. */
  segment: 32,
  /** u32, seconds since 1970. */
  accessed: 36,
  head: 40,
} as const;

export const PUT = 1;
export const REMOVE = 2;
/** Everything before it is gone. */
export const FLUSH = 3;
/** A `flush_all` that waits. */
export const FLUSH_AT = 4;
/** The last of a segment. */
export const SEAL = 5;
/** In the ring only: a value that is read from the journal; in its stead stand its place (f64) and its CRC-32 (u32). */
export const FAR = 6;
export const FAR_PLACE = 16;
/** In the ring, a larger value is `FAR` until SQLite has it. */
export const LARGEST = 65_536;
/** In the ring only: nothing up to its end. */
export const GAP = 7;

/** Marks, in the highest byte of the shape. */
export const FETCHED = 1 << 24;
/** In the ring only: it was used since it came, or was moved. */
export const REFERENCED = 1 << 25;
/** In the ring only: a newer entry of its key took its place. The three highest bits but one tell its segment. */
export const DEAD = 1 << 26;
/** The value is the description of a file (see kv/value-file.ts). */
export const SPOOLED = 1 << 27;

const SUCCESSOR = 28;
const SUCCESSOR_BITS = 7;

/** FNV-1a over the key's characters, then stirred, since tables take the lowest bits. */
export function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

/** Bytes that an entry takes. */
export function entryLength(keyLength: number, valueLength: number): number {
  return (ENTRY.head + keyLength + valueLength + 7) & ~7;
}

/** Views on the same bytes. */
export class EntryBytes {
  readonly buffer: Buffer;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;

  constructor(memory: ArrayBufferLike) {
    const { byteLength } = memory;
    this.buffer = Buffer.from(memory, 0, byteLength);
    this.u8 = new Uint8Array(memory, 0, byteLength);
    this.i32 = new Int32Array(memory, 0, byteLength >> 2);
    this.f64 = new Float64Array(memory, 0, byteLength >> 3);
  }

  /** On memory of its own. */
  static ofLength(length: number): EntryBytes {
    return new EntryBytes(new ArrayBuffer((length + 7) & ~7));
  }

  mark(at: number, mark: number): void {
    const word = (at + ENTRY.shape) >> 2;
    this.i32[word] = (this.i32[word] as number) | mark;
  }

  /** A change of `segment` took its place. */
  retire(at: number, segment: number): void {
    this.mark(at, DEAD | ((segment & SUCCESSOR_BITS) << SUCCESSOR));
  }

  /**
   * Whether a change of a segment up to `last` took its place. One word tells, and it is written last: so another thread may ask. Segments
   * that are not folded are fewer than 8.
   */
  isRetiredBy(at: number, last: number): boolean {
    const shape = this.i32[(at + ENTRY.shape) >> 2] as number;
    if ((shape & DEAD) === 0) return false;
    const segment = this.segment(at);
    return segment + (((shape >>> SUCCESSOR) - segment) & SUCCESSOR_BITS) <= last;
  }

  /**
   * Whether an entry of this segment that takes `length` bytes may be written over it: SQLite has none of the segment yet, so nobody needs
   * what stood here.
   */
  isReplaceable(at: number, length: number, segment: number): boolean {
    const shape = this.i32[(at + ENTRY.shape) >> 2] as number;
    if (this.segment(at) !== segment || (shape & SPOOLED) !== 0) return false;
    return this.kind(at) !== FAR && this.length(at) === length;
  }

  /** Its value stands in the journal, at `offset` of its segment. */
  makeFar(at: number, offset: number, crc: number): void {
    const word = (at + ENTRY.shape) >> 2;
    this.i32[word] = ((this.i32[word] as number) & ~0xff00) | (FAR << 8);
    const place = at + ENTRY.head + this.keyLength(at);
    this.buffer.writeDoubleLE(offset, place);
    this.buffer.writeUInt32LE(crc, place + 8);
  }

  farPlace(at: number): { readonly offset: number; readonly crc: number } {
    const place = at + ENTRY.head + this.keyLength(at);
    return { offset: this.buffer.readDoubleLE(place), crc: this.buffer.readUInt32LE(place + 8) };
  }

  /** `at`: where the entry begins. */
  hash(at: number): number {
    return this.i32[at >> 2] as number;
  }

  kind(at: number): number {
    return ((this.i32[(at + ENTRY.shape) >> 2] as number) >>> 8) & 255;
  }

  keyLength(at: number): number {
    return (this.i32[(at + ENTRY.shape) >> 2] as number) & 255;
  }

  state(at: number): number {
    return ((this.i32[(at + ENTRY.shape) >> 2] as number) >>> 16) & 255;
  }

  /** That it takes. */
  length(at: number): number {
    const isFar = this.kind(at) === FAR;
    return entryLength(this.keyLength(at), isFar ? FAR_PLACE : this.size(at));
  }

  /** In the ring only. */
  segment(at: number): number {
    return (this.i32[(at + ENTRY.segment) >> 2] as number) >>> 0;
  }

  size(at: number): number {
    return (this.i32[(at + ENTRY.size) >> 2] as number) >>> 0;
  }

  flags(at: number): number {
    return (this.i32[(at + ENTRY.flags) >> 2] as number) >>> 0;
  }

  cas(at: number): number {
    return this.f64[(at + ENTRY.cas) >> 3] as number;
  }

  exptime(at: number): number {
    return this.f64[(at + ENTRY.exptime) >> 3] as number;
  }

  /** ms since 1970 */
  accessed(at: number): number {
    return ((this.i32[(at + ENTRY.accessed) >> 2] as number) >>> 0) * 1_000;
  }

  fetched(at: number): boolean {
    return ((this.i32[(at + ENTRY.shape) >> 2] as number) & FETCHED) !== 0;
  }

  spooled(at: number): boolean {
    return ((this.i32[(at + ENTRY.shape) >> 2] as number) & SPOOLED) !== 0;
  }

  key(at: number): string {
    const from = at + ENTRY.head;
    return this.buffer.toString("latin1", from, from + this.keyLength(at));
  }

  /** A view; valid as long as the bytes are. */
  value(at: number): Uint8Array {
    const from = at + ENTRY.head + this.keyLength(at);
    return this.u8.subarray(from, from + this.size(at));
  }

  /** `other` stands in other bytes, or in these. Keys begin on a word: four bytes are compared at once. */
  haveSameKey(at: number, { i32, u8 }: EntryBytes, other: number): boolean {
    const length = (this.i32[(at + ENTRY.shape) >> 2] as number) & 255;
    if (((i32[(other + ENTRY.shape) >> 2] as number) & 255) !== length) return false;
    const words = length >> 2;
    const [one, two] = [(at + ENTRY.head) >> 2, (other + ENTRY.head) >> 2];
    for (let i = 0; i < words; i++) if (this.i32[one + i] !== i32[two + i]) return false;
    const [a, b] = [at + ENTRY.head, other + ENTRY.head];
    for (let i = words << 2; i < length; i++) if (this.u8[a + i] !== u8[b + i]) return false;
    return true;
  }

  hasKey(at: number, key: string): boolean {
    const { length } = key;
    if (this.keyLength(at) !== length) return false;
    const { u8 } = this;
    const from = at + ENTRY.head;
    for (let i = 0; i < length; i++) if (u8[from + i] !== key.charCodeAt(i)) return false;
    return true;
  }
}
