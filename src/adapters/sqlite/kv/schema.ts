// The kv database: its tables and the statements on them.

import type { Database } from "bun:sqlite";
import type { Item, KeyHead } from "../../../ports/kv.ts";
import { DESCRIPTION, SPOOLED_STATE } from "./value-file.ts";

/** "Ckv1" in the file's header. */
export const KV_APPLICATION_ID = 0x436b7631;

/**
 * An ordinary table, with the key in an index of its own. WITHOUT ROWID would keep whole rows in the nodes of the
 * tree, which makes it deep as soon as values have some hundred bytes. New rows go to the end of the table, so many
 * of them share a page of the WAL; an overwrite of a key leaves the index alone. The value is the last column: what
 * stands before it is read without its pages. Keys are text of U+0000 to U+00FF, whose UTF-8 sorts as the bytes do.
 */
export const KV_MIGRATIONS: readonly string[] = [
  `CREATE TABLE items (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    flags INTEGER NOT NULL,
    exptime INTEGER NOT NULL,
    cas INTEGER NOT NULL,
    value BLOB NOT NULL
  ) STRICT;
  CREATE TABLE totals (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    items INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    cas INTEGER NOT NULL,
    flush_at INTEGER NOT NULL
  ) STRICT;
  INSERT INTO totals VALUES (1, 0, 0, 0, 0);`,
  // The state joins the other small columns, before the value: so the table is written anew.
  `CREATE TABLE items_new (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    flags INTEGER NOT NULL,
    exptime INTEGER NOT NULL,
    cas INTEGER NOT NULL,
    state INTEGER NOT NULL,
    value BLOB NOT NULL
  ) STRICT;
  INSERT INTO items_new SELECT id, key, flags, exptime, cas, 0, value FROM items;
  DROP TABLE items;
  ALTER TABLE items_new RENAME TO items;
  CREATE INDEX items_by_exptime ON items (exptime) WHERE exptime > 0;`,
  // The journal (see kv/journal.ts): what of it the table has, and a number by which it is known to belong to it.
  `ALTER TABLE totals ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE totals ADD COLUMN identity INTEGER NOT NULL DEFAULT 0;
  UPDATE totals SET identity = abs(random() % 4294967295) + 1;`,
  // Large values are files (see kv/values.ts): of those that items have, the names; in their rows stands a description, and the state
  // says so. So the rows of all others stay as they are. Those that were large before stay in their rows until they are overwritten.
  `CREATE TABLE spooled (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;`,
];

/** One row, written with every fold, so that a start needs no count of all items. */
export interface Totals {
  items: number;
  /** Of keys and values. */
  bytes: number;
  /** The last cas unique that was given out. */
  cas: number;
  /** ms since 1970; 0: no `flush_all` is waiting. */
  flush_at: number;
  /** Segments of the journal up to this one are in the table. */
  folded: number;
  /** Of this database, 1 to 2^32 - 1. */
  readonly identity: number;
}

/** Where a key stands, for the fold. */
export interface PlaceRow {
  readonly id: number;
  readonly size: number;
  /** The file that is its value; null: the value is in the row. */
  readonly file: string | null;
}

export interface HeadRow {
  readonly flags: number;
  readonly exptime: number;
  readonly cas: number;
  readonly state: number;
  readonly size: number;
}

export interface ItemRow {
  readonly flags: number;
  readonly exptime: number;
  readonly cas: number;
  readonly state: number;
  readonly value: Uint8Array;
}

const NO_VALUE = new Uint8Array(0);
/** After every key of characters up to U+00FF. */
const AFTER_ALL = "\u{10FFFF}";

export interface KeyRow {
  readonly key: string;
  readonly flags: number;
  readonly exptime: number;
  readonly cas: number;
  readonly state: number;
  readonly size: number;
}

export interface ExpiredRow extends PlaceRow {
  readonly keyLength: number;
}

/** Of a row's value, wherever it is. */
export const SIZE = `CASE WHEN state < ${SPOOLED_STATE} THEN length(value)
  ELSE CAST(substr(value, ${DESCRIPTION.name + DESCRIPTION.crc + 1}) AS INTEGER) END`;
const FILE = `CASE WHEN state >= ${SPOOLED_STATE} THEN CAST(substr(value, 1, ${DESCRIPTION.name}) AS TEXT) END`;

/** Bytes of the file that hold something. */
export function usedBytes(db: Database): number {
  const row = db
    .query<{ bytes: number }, []>(
      `SELECT (page_count - freelist_count) * page_size AS bytes
       FROM pragma_page_count, pragma_freelist_count, pragma_page_size`,
    )
    .get();
  return row?.bytes ?? 0;
}

export type Statements = ReturnType<typeof prepareStatements>;

export function prepareStatements(db: Database) {
  return {
    beginRead: db.query<null, []>("BEGIN"),
    begin: db.query<null, []>("BEGIN IMMEDIATE"),
    commit: db.query<null, []>("COMMIT"),
    rollback: db.query<null, []>("ROLLBACK"),
    head: db.query<HeadRow, [string]>(
      `SELECT flags, exptime, cas, state, ${SIZE} AS size FROM items WHERE key = ?`,
    ),
    item: db.query<ItemRow, [string]>("SELECT flags, exptime, cas, state, value FROM items WHERE key = ?"),
    place: db.query<PlaceRow, [string]>(
      `SELECT id, ${SIZE} AS size, ${FILE} AS file FROM items WHERE key = ?`,
    ),
    insert: db.query<null, [string, number, number, number, number, Uint8Array]>(
      "INSERT INTO items (key, flags, exptime, cas, state, value) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    update: db.query<null, [number, number, number, number, Uint8Array, number]>(
      "UPDATE items SET flags = ?, exptime = ?, cas = ?, state = ?, value = ? WHERE id = ?",
    ),
    overwrite: db.query<null, [number, number, number, number, Uint8Array, number, string]>(
      "UPDATE items SET flags = ?, exptime = ?, cas = ?, state = ?, value = ? WHERE id = ? AND key = ?",
    ),
    remove: db.query<null, [number]>("DELETE FROM items WHERE id = ?"),
    removeAll: db.query<null, []>("DELETE FROM items"),
    page: db.query<KeyRow, [string, string, number, number]>(
      `SELECT key, flags, exptime, cas, state, ${SIZE} AS size FROM items
       WHERE key >= ? AND key < ? AND (exptime = 0 OR exptime > ?) ORDER BY key LIMIT ?`,
    ),
    expired: db.query<ExpiredRow, [number, number]>(
      `SELECT id, length(key) AS keyLength, ${SIZE} AS size, ${FILE} AS file FROM items
       WHERE exptime > 0 AND exptime <= ? LIMIT ?`,
    ),
    spooledNames: db.query<{ name: string }, []>("SELECT name FROM spooled"),
    isSpooled: db.query<{ name: string }, [string]>("SELECT name FROM spooled WHERE name = ?"),
    addSpooled: db.query<null, [string]>("INSERT INTO spooled (name) VALUES (?)"),
    removeSpooled: db.query<null, [string]>("DELETE FROM spooled WHERE name = ?"),
    removeAllSpooled: db.query<null, []>("DELETE FROM spooled"),
    totals: db.query<Totals, []>("SELECT items, bytes, cas, flush_at, folded, identity FROM totals"),
    saveTotals: db.query<null, [number, number, number, number, number]>(
      "UPDATE totals SET items = ?, bytes = ?, cas = ?, flush_at = ?, folded = ?",
    ),
  };
}

export function isSpooledRow({ state }: { readonly state: number }): boolean {
  return state >= SPOOLED_STATE;
}

/** Fetches are not remembered: `accessed` is 0. */
export function itemOf({
  flags,
  exptime,
  cas,
  state,
  value,
}: ItemRow): Item & { readonly value: Uint8Array } {
  return { flags, exptime, cas, size: value.length, state, accessed: 0, fetched: false, value };
}

/** An item for rules that do not look at the value. */
export function headOf({ flags, exptime, cas, state, size }: HeadRow): Item {
  return { flags, exptime, cas, size, state: state & 255, accessed: 0, fetched: false, value: NO_VALUE };
}

export function keyHeadOf({ key, flags, exptime, cas, state, size }: KeyRow): KeyHead {
  return { key, flags, exptime, cas, size, state: state & 255, accessed: 0, fetched: false };
}

/** The bounds of `page`: keys that begin with `prefix` and come after `after`; from, and up to but without the second. */
export function keyRange(prefix: string, after: string | undefined): [from: string, end: string] {
  const from = after !== undefined && after >= prefix ? `${after}\0` : prefix;
  if (prefix === "") return [from, AFTER_ALL];
  const last = prefix.charCodeAt(prefix.length - 1);
  return [from, prefix.slice(0, -1) + String.fromCharCode(last + 1)];
}
