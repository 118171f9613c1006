// Brings segments of the journal into the items table, in one transaction: the table has all of them, or nothing.

import type { Database } from "bun:sqlite";
import { ENTRY, EntryBytes, REMOVE } from "./kv-entries.ts";
import { FoldedValues } from "./kv-folded-values.ts";
import { Outcome } from "./kv-outcome.ts";
import { recordsOf, type SegmentFile } from "./kv-records.ts";
import { prepareStatements, type Statements, type Totals } from "./kv-schema.ts";
import { SPOOLED_STATE, sizeOf } from "./kv-value-file.ts";

const SMALL = 512;
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
  /** No key has a row. */
  readonly isNew: boolean;
}

/** Works on a connection of its own, best in a thread of its own. */
export class Fold {
  readonly #db: Database;
  readonly #sql: Statements;
  /** Where a small value stands while it is written; by its size. */
  readonly #scratch: Uint8Array[] = [];

  constructor(db: Database) {
    this.#db = db;
    this.#sql = prepareStatements(db);
  }

  /** `files` in the order of their segments. */
  apply(files: readonly SegmentFile[]): Folded {
    const bytes = new EntryBytes(files.reduce((sum, { length }) => sum + length, 0));
    try {
      return this.#apply(files, bytes);
    } finally {
      // As large as a quarter of the cache: not left to the garbage collector.
      bytes.release();
    }
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

  #apply(files: readonly SegmentFile[], bytes: EntryBytes): Folded {
    const values = new FoldedValues(this.#sql);
    const outcome = new Outcome(bytes, values);
    let start = 0;
    for (const file of files) {
      for (const record of recordsOf(file, bytes, start)) outcome.take(record);
      start += file.length;
    }
    const folded = this.#transact((totals) => {
      if (outcome.flushed) {
        values.flush();
        this.#sql.removeAll.run();
        totals.items = 0;
        totals.bytes = 0;
      }
      const work = { bytes, values, isNew: outcome.flushed };
      // In the order of the index, so that neighbours share its pages.
      const places = outcome.sorted();
      for (let i = 0; i < places.length; i++) {
        this.#applyTo((places[i] as number) * 8, totals, work);
        // A row leaves some 300 bytes of arguments and answers behind, which the heap would keep until there are 100 MB.
        if (i % TIDY_AFTER === TIDY_AFTER - 1) Bun.gc(true);
      }
      totals.flush_at = outcome.flushAt ?? totals.flush_at;
      totals.cas = Math.max(totals.cas, outcome.cas);
      totals.folded = files.at(-1)?.segment ?? totals.folded;
    });
    return { totals: folded, unlisted: [...values.unlisted] };
  }

  #applyTo(at: number, totals: Totals, { bytes, isNew, values }: Work): void {
    const key = bytes.key(at);
    const row = isNew ? null : this.#sql.place.get(key);
    const description = bytes.spooled(at) ? bytes.value(at) : undefined;
    if (description || (row && row.file !== null)) values.replace(row, description);
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
    const value = this.#value(bytes, at);
    const size = description ? sizeOf(description) : value.length;
    if (row) {
      this.#sql.update.run(flags, exptime, cas, state, value, row.id);
      totals.bytes += size - row.size;
    } else {
      this.#sql.insert.run(key, flags, exptime, cas, state, value);
      totals.items++;
      totals.bytes += key.length + size;
    }
  }

  /** Small ones, of which a fold has hundreds of thousands, are copied to one place for each size: a view costs more. */
  #value(bytes: EntryBytes, at: number): Uint8Array {
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
      // A full disk may have rolled back already; then there is no transaction to end.
      if (this.#db.inTransaction) sql.rollback.run();
      throw error;
    }
  }
}
