// Brings segments of the journal into the items table, in one transaction: the table has all of them, or nothing.
// They are read from the ring's memory, where the thread that serves goes on: what it does there leaves them as they are.

import type { Database } from "bun:sqlite";
import { Fault } from "../../../wire/faults.ts";
import { ENTRY, EntryBytes, FAR, REMOVE } from "./entries.ts";
import { FoldedValues } from "./folded-values.ts";
import { lastChanges } from "./outcome.ts";
import type { Far } from "./ring.ts";
import { prepareStatements, type Statements, type Totals } from "./schema.ts";
import type { Changes } from "./unfolded.ts";
import { SPOOLED_STATE, sizeOf } from "./value-file.ts";

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

  constructor(db: Database) {
    this.#db = db;
    this.#sql = prepareStatements(db);
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

  #applyTo(at: number, totals: Totals, work: Work): void {
    const { bytes, isNew, values } = work;
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
    const value = this.#value(at, work);
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
