// Writes the entries of a group one behind the other, as they go to the journal and are copied into the ring.
//
// Written for speed: into one reused buffer, which goes to the disk by one call.

import { type Bytes, copyInto } from "../../../wire/memcached/bytes.ts";
import { ENTRY, EntryBytes, entryLength, FETCHED, hashOf, PUT, REMOVE, SPOOLED } from "./entries.ts";

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
  #bytes = EntryBytes.ofLength(FIRST_ROOM);
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
    if (this.#bytes.u8.length > KEPT_ROOM) this.#bytes = EntryBytes.ofLength(FIRST_ROOM);
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
    const bigger = EntryBytes.ofLength(Math.max(need, this.#bytes.u8.length * 2));
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
