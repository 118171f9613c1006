// Brings a segment of the journal into the items table, in one transaction: the table has all of it, or nothing.

import type { Database } from "bun:sqlite";
import { type EntryBytes, FLUSH, FLUSH_AT, PUT, REMOVE } from "./kv-entries.ts";
import { eachEntry, type ReadRecord } from "./kv-records.ts";
import { prepareStatements, type Statements, type Totals } from "./kv-schema.ts";

/** Where the last change of a key stands. */
interface Place {
  readonly bytes: EntryBytes;
  readonly at: number;
}

/** What a segment comes to: of each key the last change only, however often it was overwritten. */
class Outcome {
  readonly places = new Map<string, Place>();
  flushed = false;
  /** undefined: as it was. */
  flushAt: number | undefined;
  cas = 0;

  take(record: ReadRecord): void {
    this.cas = Math.max(this.cas, record.cas);
    eachEntry(record, (kind, bytes, at) => {
      if (kind === PUT || kind === REMOVE) {
        this.places.set(bytes.key(at), { bytes, at });
      } else if (kind === FLUSH) {
        this.places.clear();
        this.flushed = true;
        this.flushAt = 0;
      } else if (kind === FLUSH_AT) {
        this.flushAt = bytes.exptime(at);
      }
    });
  }
}

/** Works on a connection of its own, best in a thread of its own. */
export class Fold {
  readonly #db: Database;
  readonly #sql: Statements;

  constructor(db: Database) {
    this.#db = db;
    this.#sql = prepareStatements(db);
  }

  /** Returns the totals as they are in the database then. */
  apply(segment: number, records: Iterable<ReadRecord>): Totals {
    const outcome = new Outcome();
    for (const record of records) outcome.take(record);
    return this.#transact((totals) => {
      if (outcome.flushed) {
        this.#sql.removeAll.run();
        totals.items = 0;
        totals.bytes = 0;
      }
      // In the order of the index, so that neighbours share its pages.
      for (const key of [...outcome.places.keys()].sort()) {
        this.#applyTo(key, outcome.places.get(key) as Place, totals, outcome.flushed);
      }
      totals.flush_at = outcome.flushAt ?? totals.flush_at;
      totals.cas = Math.max(totals.cas, outcome.cas);
      totals.folded = segment;
    });
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

  #applyTo(key: string, { bytes, at }: Place, totals: Totals, isNew: boolean): void {
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
    const value = bytes.value(at);
    if (row) {
      this.#sql.update.run(flags, exptime, cas, state, value, row.id);
      totals.bytes += value.length - row.size;
    } else {
      this.#sql.insert.run(key, flags, exptime, cas, state, value);
      totals.items++;
      totals.bytes += key.length + value.length;
    }
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
