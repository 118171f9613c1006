// The rows of the items and their totals: what a change does to both, inside the transaction of kv.ts.

import type { Change } from "../../ports/kv.ts";
import { headOf, itemOf, type Statements, type StoredItem, type Totals } from "./kv-schema.ts";

/** The totals as they were before a transaction. */
export interface Before {
  readonly totals: Totals;
  readonly stored: number;
}

export class ItemRows {
  readonly #sql: Statements;
  #totals: Totals;
  #stored = 0;
  /** The transaction under way changed something. */
  #dirty = false;

  constructor(sql: Statements) {
    this.#sql = sql;
    this.#totals = { ...(sql.totals.get() ?? { items: 0, bytes: 0, cas: 0, flush_at: 0 }) };
  }

  /** As the last commit left them, and inside a transaction as they will be. */
  get totals(): Readonly<Totals> {
    return this.#totals;
  }

  /** Values stored since the start. */
  get stored(): number {
    return this.#stored;
  }

  begin(): Before {
    this.#dirty = false;
    return { totals: { ...this.#totals }, stored: this.#stored };
  }

  /** The last thing before the commit. */
  save(): void {
    if (!this.#dirty) return;
    const { items, bytes, cas, flush_at } = this.#totals;
    this.#sql.saveTotals.run(items, bytes, cas, flush_at);
  }

  restore({ totals, stored }: Before): void {
    this.#totals = totals;
    this.#stored = stored;
  }

  /** Expired or not; without `withValue` its value is empty. */
  find(key: string, withValue: boolean): StoredItem | undefined {
    if (withValue) {
      const row = this.#sql.item.get(key);
      return row ? itemOf(row) : undefined;
    }
    const row = this.#sql.head.get(key);
    return row ? headOf(row) : undefined;
  }

  /** `item`: what `find` gave for the key. */
  apply(key: string, item: StoredItem | undefined, change: Change): void {
    const totals = this.#totals;
    this.#dirty = true;
    if (change.kind !== "remove" && change.cas === totals.cas + 1) totals.cas++;
    if (change.kind === "put") {
      const { flags, exptime, cas, state, value } = change;
      if (item) {
        this.#sql.update.run(flags, exptime, cas, state, value, item.id);
        totals.bytes += value.length - item.size;
      } else {
        this.#sql.insert.run(key, flags, exptime, cas, state, value);
        totals.items++;
        totals.bytes += key.length + value.length;
      }
      this.#stored++;
    } else if (item && change.kind === "remove") {
      this.#remove(item.id, key.length + item.size);
    } else if (item && change.kind === "touch") {
      this.#sql.touch.run(change.exptime, change.cas, change.state, item.id);
    }
  }

  /** Returns how many were removed. */
  removeExpired(now: number, limit: number): number {
    const rows = this.#sql.expired.all(now, limit);
    for (const { id, keyLength, size } of rows) this.#remove(id, keyLength + size);
    return rows.length;
  }

  removeAll(): void {
    this.#dirty = true;
    this.#sql.removeAll.run();
    this.#totals.items = 0;
    this.#totals.bytes = 0;
    this.#totals.flush_at = 0;
  }

  /** A `flush_all` that waits until then. */
  flushAt(time: number): void {
    this.#dirty = true;
    this.#totals.flush_at = time;
  }

  #remove(id: number, bytes: number): void {
    this.#dirty = true;
    this.#sql.remove.run(id);
    this.#totals.items--;
    this.#totals.bytes -= bytes;
  }
}
