// Brings segments of the journal into the items table, in one transaction: the table has all of them, or nothing.
// They are read from the ring's memory, where the thread that serves goes on: what it does there leaves them as they are.
//
// Written for speed: random sets of a million keys take 2.4 µs each here, 3.0 before rows were known and entries looked at ahead.

import type { Database } from "bun:sqlite";
import { Fault } from "../../../wire/faults.ts";
import { ENTRY, EntryBytes, FAR, REMOVE } from "./entries.ts";
import { FoldedValues } from "./folded-values.ts";
import { KnownRows } from "./known-rows.ts";
import { lastChanges } from "./outcome.ts";
import type { Far } from "./ring.ts";
import { prepareStatements, type Statements, type Totals } from "./schema.ts";
import type { Changes } from "./unfolded.ts";
import { SPOOLED_STATE, sizeOf } from "./value-file.ts";

const SMALL = 512;
/** Entries that are looked at together. */
const AHEAD = 32;
/** Words of a line of the processor's cache. */
const LINE = 16;
/** Rows. */
const TIDY_AFTER = 50_000;

/** The totals as they are in the database then, and the files of large values that no item has any more. */
export interface Folded {
  readonly totals: Totals;
  readonly unlisted: readonly string[];
}

interface Work {
  readonly bytes: EntryBytes;
  readonly values: FoldedValues;
  readonly far: Far;
  /** No key has a row. */
  readonly isNew: boolean;
}

/** Works on a connection of its own, best in a thread of its own. */
export class Fold {
  readonly #db: Database;
  readonly #sql: Statements;
  /** Where a small value stands while it is written; by its size. */
  readonly #scratch: Uint8Array[] = [];
  /** Of values that are no files. Nobody else writes rows, so it knows their sizes for certain. */
  readonly #known: KnownRows;
  /** Of no meaning, but that `#touch` has an effect. */
  touched = 0;

  /** `knownBytes`: of memory, to remember where rows stand. */
  constructor(db: Database, knownBytes = 0) {
    this.#db = db;
    this.#sql = prepareStatements(db);
    this.#known = new KnownRows(knownBytes);
  }

  /** `far`: reads the values that only the journal has. */
  apply(changes: Changes, far: Far): Folded {
    const bytes = new EntryBytes(changes.memory);
    const values = new FoldedValues(this.#sql);
    for (const name of changes.large) values.stored(name);
    // In the order of the index, so that neighbours share its pages.
    const places = lastChanges(bytes, changes);
    const totals = this.#transact((totals) => {
      if (changes.flushed) {
        values.flush();
        this.#sql.removeAll.run();
        totals.items = 0;
        totals.bytes = 0;
      }
      const work = { bytes, values, far, isNew: changes.flushed };
      for (let i = 0; i < places.length; i++) {
        if (i % AHEAD === 0) this.#touch(bytes, places.subarray(i, i + AHEAD));
        this.#applyTo((places[i] as number) * 8, totals, work);
        // A row leaves some 300 bytes of arguments and answers behind, which the heap would keep until there are 100 MB.
        if (i % TIDY_AFTER === TIDY_AFTER - 1) Bun.gc(true);
      }
      totals.flush_at = changes.flushAt ?? totals.flush_at;
      totals.cas = Math.max(totals.cas, changes.cas);
      totals.folded = changes.last;
    });
    return { totals, unlisted: [...values.unlisted] };
  }

  /** Removes up to `limit` items that are expired. */
  sweep(now: number, limit: number): Folded & { readonly removed: number } {
    let removed = 0;
    const values = new FoldedValues(this.#sql);
    const totals = this.#transact((changing) => {
      for (const row of this.#sql.expired.all(now, limit)) {
        const { id, keyLength, size } = row;
        this.#sql.remove.run(id);
        if (row.file !== null) values.replace(row, undefined);
        changing.items--;
        changing.bytes -= keyLength + size;
        removed++;
      }
    });
    return { totals, removed, unlisted: [...values.unlisted] };
  }

  /**
   * Looks at what will be looked at for each of these entries: in the order of the keys they stand anywhere in the ring. Nothing comes of
   * it but that the processor fetches what is not in its caches for many at once (as `touch` in kv/table.ts; 0.2 µs a change).
   */
  #touch({ i32 }: EntryBytes, places: Int32Array): void {
    let seen = 0;
    for (const place of places) {
      const word = place * 2;
      seen ^= (i32[word] as number) ^ (i32[word + LINE] as number) ^ (i32[word + 2 * LINE] as number);
    }
    for (const place of places) seen ^= this.#known.id(i32[place * 2] as number);
    this.touched = seen;
  }

  #applyTo(at: number, totals: Totals, work: Work): void {
    const { bytes, isNew, values } = work;
    const key = bytes.key(at);
    const hash = bytes.hash(at);
    const description = bytes.spooled(at) ? bytes.value(at) : undefined;
    const isPlain = !description && bytes.kind(at) !== REMOVE;
    if (isPlain && !isNew && this.#overwrite(at, key, totals, work)) return;
    const row = isNew ? null : this.#sql.place.get(key);
    if (description || (row && row.file !== null)) values.replace(row, description);
    if (!isPlain) this.#known.forget(hash);
    if (bytes.kind(at) === REMOVE) {
      if (!row) return;
      this.#sql.remove.run(row.id);
      totals.items--;
      totals.bytes -= key.length + row.size;
      return;
    }
    const flags = bytes.flags(at);
    const exptime = bytes.exptime(at);
    const cas = bytes.cas(at);
    const state = bytes.state(at) + (description ? SPOOLED_STATE : 0);
    const value = this.#value(at, work);
    const size = description ? sizeOf(description) : value.length;
    if (row) {
      this.#sql.update.run(flags, exptime, cas, state, value, row.id);
      if (isPlain) this.#known.note(hash, row.id, size);
      totals.bytes += size - row.size;
    } else {
      const { lastInsertRowid } = this.#sql.insert.run(key, flags, exptime, cas, state, value);
      if (isPlain) this.#known.note(hash, Number(lastInsertRowid), size);
      totals.items++;
      totals.bytes += key.length + size;
    }
  }

  /** Of a key whose row is known, by one statement instead of two. False: it is not there, and nothing was done. */
  #overwrite(at: number, key: string, totals: Totals, work: Work): boolean {
    const { bytes } = work;
    const hash = bytes.hash(at);
    const id = this.#known.id(hash);
    if (id === 0) return false;
    const value = this.#value(at, work);
    const [flags, exptime, cas, state] = [bytes.flags(at), bytes.exptime(at), bytes.cas(at), bytes.state(at)];
    const { changes } = this.#sql.overwrite.run(flags, exptime, cas, state, value, id, key);
    if (changes === 0) return false;
    totals.bytes += value.length - this.#known.size(hash);
    this.#known.note(hash, id, value.length);
    return true;
  }

  /** Small ones, of which a fold has hundreds of thousands, are copied to one place for each size: a view costs more. */
  #value(at: number, { bytes, far }: Work): Uint8Array {
    if (bytes.kind(at) === FAR) return farValue(bytes, at, far);
    const size = bytes.size(at);
    if (size > SMALL) return bytes.value(at);
    this.#scratch[size] ??= new Uint8Array(size);
    const value = this.#scratch[size];
    const from = at + ENTRY.head + bytes.keyLength(at);
    bytes.buffer.copy(value, 0, from, from + size);
    return value;
  }

  #transact(work: (totals: Totals) => void): Totals {
    const sql = this.#sql;
    try {
      sql.begin.run();
      const totals = { ...(sql.totals.get() as Totals) };
      work(totals);
      sql.saveTotals.run(totals.items, totals.bytes, totals.cas, totals.flush_at, totals.folded);
      sql.commit.run();
      return totals;
    } catch (error) {
      this.#known.clear();
      // A full disk may have rolled back already; then there is no transaction to end.
      if (this.#db.inTransaction) sql.rollback.run();
      throw error;
    }
  }
}

/** It comes from the disk: so it is compared with what was written. */
function farValue(bytes: EntryBytes, at: number, far: Far): Uint8Array {
  const { offset, crc } = bytes.farPlace(at);
  const value = far(bytes.segment(at), offset, bytes.size(at));
  if (Bun.hash.crc32(value) === crc) return value;
  throw new Fault(
    "corrupt",
    `the journal is damaged: a value of ${value.length} bytes is not as it was written`,
    {
      hint: "Restore a backup.",
    },
  );
}
