// Brings segments of the journal into the items table, in one transaction: the table has all of them, or nothing.

import type { Database } from "bun:sqlite";
import { ENTRY, EntryBytes, REMOVE } from "./kv-entries.ts";
import { Outcome } from "./kv-outcome.ts";
import { recordsOf, type SegmentFile } from "./kv-records.ts";
import { prepareStatements, type Statements, type Totals } from "./kv-schema.ts";

const SMALL = 512;

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

  /** `files` in the order of their segments. Returns the totals as they are in the database then. */
  apply(files: readonly SegmentFile[]): Totals {
    const bytes = new EntryBytes(files.reduce((sum, { length }) => sum + length, 0));
    try {
      return this.#apply(files, bytes);
    } finally {
      // As large as a quarter of the cache: not left to the garbage collector.
      bytes.release();
    }
  }

  /** Removes up to `limit` items that are expired. */
  sweep(now: number, limit: number): { readonly totals: Totals; readonly removed: number } {
    let removed = 0;
    const totals = this.#transact((changing) => {
      for (const { id, keyLength, size } of this.#sql.expired.all(now, limit)) {
        this.#sql.remove.run(id);
        changing.items--;
        changing.bytes -= keyLength + size;
        removed++;
      }
    });
    return { totals, removed };
  }

  #apply(files: readonly SegmentFile[], bytes: EntryBytes): Totals {
    const outcome = new Outcome(bytes);
    let start = 0;
    for (const file of files) {
      for (const record of recordsOf(file, bytes, start)) outcome.take(record);
      start += file.length;
    }
    return this.#transact((totals) => {
      if (outcome.flushed) {
        this.#sql.removeAll.run();
        totals.items = 0;
        totals.bytes = 0;
      }
      // In the order of the index, so that neighbours share its pages.
      for (const place of outcome.sorted()) this.#applyTo(bytes, place * 8, totals, outcome.flushed);
      totals.flush_at = outcome.flushAt ?? totals.flush_at;
      totals.cas = Math.max(totals.cas, outcome.cas);
      totals.folded = files.at(-1)?.segment ?? totals.folded;
    });
  }

  #applyTo(bytes: EntryBytes, at: number, totals: Totals, isNew: boolean): void {
    const key = bytes.key(at);
    const row = isNew ? null : this.#sql.place.get(key);
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
    const state = bytes.state(at);
    const value = this.#value(bytes, at);
    if (row) {
      this.#sql.update.run(flags, exptime, cas, state, value, row.id);
      totals.bytes += value.length - row.size;
    } else {
      this.#sql.insert.run(key, flags, exptime, cas, state, value);
      totals.items++;
      totals.bytes += key.length + value.length;
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
