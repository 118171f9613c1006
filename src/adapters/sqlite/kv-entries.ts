// The bytes of an item as they stand in the journal and in the ring: one layout, so that a commit is copied, not rebuilt.
//
// Written for speed: a group of changes is written into one reused buffer and goes to the disk by one call.

import { type Bytes, copyInto } from "../../wire/memcached/bytes.ts";

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
/** In the ring only: a value that is read from the journal, whose place stands in its stead. */
export const FAR = 6;
/** In the ring, a larger value is `FAR` until SQLite has it. */
export const LARGEST = 65_536;
/** In the ring only: nothing up to its end. */
export const GAP = 7;

/** Marks, in the highest byte of the shape. */
export const FETCHED = 1 << 24;
/** The value is the description of a file (see kv-value-file.ts). */
export const SPOOLED = 1 << 27;

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
  readonly u8: Uint8Array<ArrayBuffer>;
  readonly i32: Int32Array;
  readonly f64: Float64Array;

  constructor(length: number) {
    const memory = new ArrayBuffer((length + 7) & ~7);
    this.buffer = Buffer.from(memory);
    this.u8 = new Uint8Array(memory);
    this.i32 = new Int32Array(memory);
    this.f64 = new Float64Array(memory);
  }

  /** A copy with more room behind. */
  grown(length: number): EntryBytes {
    const bigger = new EntryBytes(length);
    bigger.u8.set(this.u8);
    return bigger;
  }

  /** Gives the memory back at once; nothing of it can be used then. */
  release(): void {
    this.u8.buffer.transfer(0);
  }

  mark(at: number, mark: number): void {
    const word = (at + ENTRY.shape) >> 2;
    this.i32[word] = (this.i32[word] as number) | mark;
  }

  /** `at`: where the entry begins. */
  kind(at: number): number {
    return ((this.i32[(at + ENTRY.shape) >> 2] as number) >>> 8) & 255;
  }

  keyLength(at: number): number {
    return (this.i32[(at + ENTRY.shape) >> 2] as number) & 255;
  }

  state(at: number): number {
    return ((this.i32[(at + ENTRY.shape) >> 2] as number) >>> 16) & 255;
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

  haveSameKey(one: number, other: number): boolean {
    const length = this.keyLength(one);
    if (this.keyLength(other) !== length) return false;
    const { u8 } = this;
    const [a, b] = [one + ENTRY.head, other + ENTRY.head];
    for (let i = 0; i < length; i++) if (u8[a + i] !== u8[b + i]) return false;
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

/** What an entry says besides its key and value. */
export interface EntryHead {
  readonly flags: number;
  readonly exptime: number;
  readonly cas: number;
  readonly state: number;
}

const NO_VALUE = new Uint8Array(0);
const NO_HEAD: EntryHead = { flags: 0, exptime: 0, cas: 0, state: 0 };
const FIRST_ROOM = 65_536;
/** A buffer that had to grow beyond this is given back after use. */
const KEPT_ROOM = 4_194_304;

/** Entries one behind the other, after a head of `reserved` bytes that somebody else fills in. */
export class EntryWriter {
  readonly #reserved: number;
  #bytes = new EntryBytes(FIRST_ROOM);
  #length: number;

  constructor(reserved: number) {
    this.#reserved = reserved;
    this.#length = reserved;
  }

  /** Valid until the next `put`, `note` or `clear`. */
  get bytes(): EntryBytes {
    return this.#bytes;
  }

  /** With what is reserved. */
  get length(): number {
    return this.#length;
  }

  get empty(): boolean {
    return this.#length === this.#reserved;
  }

  clear(): void {
    this.#length = this.#reserved;
    if (this.#bytes.u8.length > KEPT_ROOM) this.#bytes = new EntryBytes(FIRST_ROOM);
  }

  /** Returns where the entry begins. `accessed`: ms since 1970. */
  put(key: string, head: EntryHead, accessed: number, fetched: boolean, value: Bytes): number {
    const at = this.#add(PUT, key, head, value);
    stampUse(this.#bytes, at, accessed, fetched);
    return at;
  }

  /** As `put`, of a value that is a file: `description` tells which. */
  putSpooled(
    key: string,
    head: EntryHead,
    accessed: number,
    fetched: boolean,
    description: Uint8Array,
  ): number {
    const at = this.put(key, head, accessed, fetched, description);
    this.#bytes.mark(at, SPOOLED);
    return at;
  }

  remove(key: string): number {
    return this.#add(REMOVE, key, NO_HEAD, NO_VALUE);
  }

  /** `FLUSH`, `FLUSH_AT` with its time, or `SEAL`. */
  note(kind: number, time = 0): void {
    const at = this.#add(kind, "", NO_HEAD, NO_VALUE);
    this.#bytes.f64[(at + ENTRY.exptime) >> 3] = time;
  }

  #add(kind: number, key: string, head: EntryHead, value: Bytes): number {
    const at = this.#length;
    const length = entryLength(key.length, value.length);
    this.#reserve(length);
    writeEntry(this.#bytes, at, kind, key, head, value);
    this.#length = at + length;
    return at;
  }

  #reserve(room: number): void {
    const need = this.#length + room;
    if (need <= this.#bytes.u8.length) return;
    const bigger = new EntryBytes(Math.max(need, this.#bytes.u8.length * 2));
    bigger.u8.set(this.#bytes.u8.subarray(0, this.#length));
    this.#bytes = bigger;
  }
}

/** Writes an entry at `at`, where there is room for it. */
export function writeEntry(
  into: EntryBytes,
  at: number,
  kind: number,
  key: string,
  head: EntryHead,
  value: Bytes,
): void {
  const { u8, i32, f64 } = into;
  const word = at >> 2;
  i32[word] = hashOf(key);
  i32[word + 1] = key.length | (kind << 8) | (head.state << 16);
  i32[word + 2] = value.length;
  i32[word + 3] = head.flags;
  f64[(at + ENTRY.cas) >> 3] = head.cas;
  f64[(at + ENTRY.exptime) >> 3] = head.exptime;
  i32[word + 8] = 0;
  i32[word + 9] = 0;
  let to = at + ENTRY.head;
  for (let i = 0; i < key.length; i++) u8[to++] = key.charCodeAt(i);
  copyInto(u8, to, value);
  to += value.length;
  // What stood here before must not reach the journal.
  while ((to & 7) !== 0) u8[to++] = 0;
}

/** When it was last used (ms since 1970), and whether it was fetched since it was stored. */
export function stampUse({ i32 }: EntryBytes, at: number, accessed: number, fetched: boolean): void {
  const word = at >> 2;
  i32[word + 9] = Math.floor(accessed / 1_000);
  if (fetched) i32[word + 1] = (i32[word + 1] as number) | FETCHED;
}
