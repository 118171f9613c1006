// What is committed, for reading: the ring first, then SQLite.
//
// Written for speed: an item of the ring costs a look into two arrays and a copy of its value; one of SQLite a
// statement, in a read transaction that all reads of a turn share.

import type { Item } from "../../../ports/kv.ts";
import type { Found } from "../../../wire/memcached/replies.ts";
import { Doorkeeper } from "./doorkeeper.ts";
import { ENTRY, type EntryBytes, entryLength, FLUSH, FLUSH_AT, LARGEST, PUT, REMOVE } from "./entries.ts";
import type { Journal } from "./journal.ts";
import { eachEntry, RECORD } from "./records.ts";
import type { Far, KvRing, Want } from "./ring.ts";
import { headOf, isSpooledRow, itemOf, type KeyRow, keyRange, type Statements } from "./schema.ts";
import { nameOf, spooledItem } from "./value-file.ts";

export class KvView {
  readonly ring: KvRing;
  readonly #sql: Statements;
  readonly #far: Far;
  readonly #doorkeeper: Doorkeeper;
  /** Of large values. */
  readonly #folder: string;
  /** A `flush_all` stands in this segment: until it is folded, nothing in SQLite counts. 0: everything counts. */
  #flushedIn = 0;
  /** A read transaction is open. */
  #reads = false;
  /** By it since the last call: bounded by what one call may answer. */
  #found: { readonly key: string; readonly item: ReturnType<typeof itemOf>; fetchedAt: number }[] = [];

  constructor(ring: KvRing, journal: Pick<Journal, "read">, sql: Statements, folder: string) {
    this.ring = ring;
    this.#sql = sql;
    this.#folder = folder;
    this.#doorkeeper = new Doorkeeper(ring.capacity);
    this.#far = (segment, offset, size) => journal.read(segment, offset, size);
  }

  /** Expired or not. A value that is a `place` is valid until the next change, or the end of the turn. */
  find(key: string, want: Want): Item | undefined {
    const at = this.ring.find(key);
    if (at < 0) return this.#findStored(key, want !== "head");
    if (this.ring.removed(at)) return undefined;
    this.ring.use(at);
    return this.#itemAt(at, want);
  }

  /**
   * What a `get` is answered, and its item counts as fetched: the same as by `find` and the rules, without the objects that
   * tell what a `get` does not. A value that is a `place` is valid as that of `find` is.
   */
  get(key: string, now: number): Found | "miss" {
    const at = this.ring.find(key);
    if (at >= 0 && !this.ring.isSpooled(at)) return this.ring.get(at, now, this.#far);
    const item = at >= 0 ? this.#itemAt(at, "place") : this.#findStored(key, true);
    if (!item || (item.exptime !== 0 && item.exptime <= now)) return "miss";
    if (at >= 0) this.ring.fetch(at, now);
    else this.#fetchFound(key, now);
    return { kind: "found", flags: item.flags, cas: item.cas, value: item.value };
  }

  /** As `get`, if the item is at hand, in memory, and its state is 0. */
  getPlain(key: string, now: number): Found | undefined {
    const at = this.ring.find(key);
    if (at < 0 || this.ring.isSpooled(at) || this.ring.state(at) !== 0) return undefined;
    const found = this.ring.get(at, now, this.#far);
    return found === "miss" ? undefined : found;
  }

  /** Its value was given to a client. */
  fetch(key: string, now: number): void {
    const at = this.ring.find(key);
    if (at >= 0) this.ring.fetch(at, now);
    else this.#fetchFound(key, now);
  }

  flushed(segment: number): void {
    this.#found = [];
    this.ring.clear();
    this.#flushedIn = segment;
  }

  folded(segment: number): void {
    // The next read sees what this fold has brought.
    this.endReading();
    this.ring.folded(segment);
    if (this.#flushedIn <= segment) this.#flushedIn = 0;
  }

  /** Rows of SQLite, with their newest heads; fewer than `limit` on the last page only. */
  page(prefix: string, after: string | undefined, now: number, limit: number): KeyRow[] {
    if (this.#flushedIn !== 0) return [];
    const rows: KeyRow[] = [];
    let last = after;
    for (;;) {
      this.#beginReading();
      const found = this.#sql.page.all(...keyRange(prefix, last), now, limit);
      for (const row of found) {
        const current = this.#newest(row, now);
        if (current) rows.push(current);
        if (rows.length === limit) return rows;
      }
      if (found.length < limit) return rows;
      last = found.at(-1)?.key;
    }
  }

  /**
   * All reads of one turn share a read transaction: to begin one takes SQLite two system calls, 2.6 µs of the 3.8 µs
   * of a single read. It never outlives the turn.
   */
  endReading(): void {
    if (!this.#reads) return;
    this.#reads = false;
    this.keepFound();
    this.#sql.commit.run();
  }

  /**
   * What was read from SQLite goes into the ring: not at once, for the `place`s that were given out would change. What has been
   * published meanwhile is newer.
   */
  keepFound(): void {
    if (this.#found.length === 0) return;
    const found = this.#found;
    this.#found = [];
    for (const { key, item, fetchedAt } of found) {
      if (this.ring.find(key) < 0) this.ring.remember(key, item, fetchedAt);
    }
  }

  /** What was read from SQLite last, if it is that. */
  #fetchFound(key: string, now: number): void {
    const last = this.#found.at(-1);
    if (last?.key === key) last.fetchedAt = now;
  }

  #findStored(key: string, withValue: boolean): Item | undefined {
    if (this.#flushedIn !== 0) return undefined;
    this.#beginReading();
    if (!withValue) {
      const row = this.#sql.head.get(key);
      return row ? headOf(row) : undefined;
    }
    const row = this.#sql.item.get(key);
    if (!row) return undefined;
    if (isSpooledRow(row)) return spooledItem(itemOf(row), this.#folder);
    const item = itemOf(row);
    const isKept = item.size <= LARGEST && this.#doorkeeper.admits(key, this.ring.mark);
    if (isKept) this.#found.push({ key, item, fetchedAt: 0 });
    return item;
  }

  #itemAt(at: number, want: Want): Item {
    if (this.ring.isSpooled(at)) return spooledItem(this.ring.item(at, "place", this.#far), this.#folder);
    return this.ring.item(at, want, this.#far);
  }

  /** What the ring knows of the row's key is never older. */
  #newest(row: KeyRow, now: number): KeyRow | undefined {
    const at = this.ring.find(row.key);
    if (at < 0) return row;
    if (this.ring.removed(at)) return undefined;
    const item = this.#itemAt(at, "head");
    return item.exptime !== 0 && item.exptime <= now ? undefined : { ...row, ...item };
  }

  #beginReading(): void {
    if (this.#reads) return;
    this.#sql.beginRead.run();
    this.#reads = true;
    setImmediate(() => this.endReading());
  }
}

/** Entries up to so many bytes are copied into the ring by one call. */
const LONGEST_ROW = 65_536;

/** Makes the entries of a record visible. `offset`: where the record begins in its segment. */
export function publish(
  view: Pick<KvView, "ring" | "flushed">,
  record: {
    readonly bytes: EntryBytes;
    readonly at: number;
    readonly length: number;
    readonly segment: number;
    readonly offset: number;
    readonly cas: number;
  },
): void {
  const { bytes, segment, offset } = record;
  const { ring } = view;
  const notes = ring.unfolded.begin(segment, ring.mark);
  notes.cas = Math.max(notes.cas, record.cas);
  /** Entries from here on are still to be copied. */
  let row = record.at + RECORD.head;
  const copyTo = (end: number) => {
    if (end > row) ring.addRow(bytes, row, end, segment);
  };
  eachEntry(record, (kind, _, at) => {
    const size = bytes.size(at);
    const end = at + entryLength(bytes.keyLength(at), size);
    const fits = (kind === PUT || kind === REMOVE) && size <= LARGEST;
    if (bytes.spooled(at)) notes.large.push(nameOf(bytes.value(at)));
    if (fits && end - row <= LONGEST_ROW) return;
    copyTo(at);
    row = fits ? at : end;
    if (fits) return;
    if (kind === PUT) {
      ring.add(bytes, at, segment, offset + at - record.at + ENTRY.head + bytes.keyLength(at));
    } else if (kind === FLUSH) {
      view.flushed(segment);
      notes.flushed = true;
      notes.flushAt = 0;
    } else if (kind === FLUSH_AT) {
      notes.flushAt = bytes.exptime(at);
    }
  });
  copyTo(record.at + record.length);
}
