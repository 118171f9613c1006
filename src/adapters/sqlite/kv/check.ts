// Looks whether a kv database and its journal are sound, without changing either.

import { Database } from "bun:sqlite";
import { closeSync, existsSync } from "node:fs";
import { Fault, isFault } from "../../../wire/faults.ts";
import { explain } from "../database.ts";
import { lockDatabase, resolvedPath } from "../lock.ts";
import { PUT, REMOVE } from "./entries.ts";
import { eachEntry } from "./records.ts";
import { recoverJournal } from "./recovery.ts";
import { KV_APPLICATION_ID, KV_MIGRATIONS, SIZE, type Totals } from "./schema.ts";
import { checkValue, checkValues, type ValuesReport } from "./value-check.ts";
import { nameOf, ValueFile } from "./value-file.ts";
import { valuesFolder } from "./values.ts";

export interface KvReport {
  /** In the database file. */
  readonly items: number;
  readonly bytes: number;
  /** Those of them that are large. */
  readonly values: ValuesReport;
  /** Of the journal: records that are not folded, and changes in them. undefined: a server has it in use. */
  readonly journal:
    | { readonly records: number; readonly changes: number; readonly incomplete: boolean }
    | undefined;
}

/**
 * Reads every page and every large value, compares the totals with the items, and checks every record of the journal.
 *
 * Faults: `corrupt` with what is wrong, `not-found`, `conflict` (not a kv database of this version).
 */
export function checkKv(path: string): KvReport {
  if (!existsSync(path)) throw new Fault("not-found", `there is no file ${path}`);
  const lock = lockUnlessServed(path);
  let db: Database | undefined;
  try {
    db = openToRead(path);
    const totals = totalsOf(db, path);
    checkPages(db, path);
    const { items, bytes } = countItems(db);
    if (items !== totals.items || bytes !== totals.bytes) {
      throw damaged(
        path,
        `its totals say ${totals.items} items of ${totals.bytes} bytes, it has ${items} of ${bytes}`,
      );
    }
    const values = checkValues(db, resolvedPath(path));
    return { items, bytes, values, journal: lock ? checkJournal(path, totals) : undefined };
  } catch (error) {
    throw explain(error, path);
  } finally {
    db?.close();
    lock?.[Symbol.dispose]();
  }
}

/** Opens for reading; a server may go on writing. Fault `conflict` when it is not a kv database of ours. */
export function openToRead(path: string): Database {
  const db = new Database(path, { readwrite: true, create: false, strict: true });
  try {
    db.run("PRAGMA busy_timeout = 5000");
    const id = db.query<{ application_id: number }, []>("PRAGMA application_id").get()?.application_id;
    const version = db.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version;
    if (id !== KV_APPLICATION_ID) throw new Fault("conflict", `${path} is not a database of Cairn's items`);
    if (version !== KV_MIGRATIONS.length) {
      throw new Fault(
        "conflict",
        `${path} has format ${version}, and this Cairn works on ${KV_MIGRATIONS.length}`,
        {
          hint: "Open it with 'cairn serve' once, which brings an older one up to date.",
        },
      );
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

export function totalsOf(db: Database, path: string): Totals {
  const totals = db.query<Totals, []>("SELECT * FROM totals").get();
  if (!totals) throw damaged(path, "it has no totals");
  return totals;
}

function lockUnlessServed(path: string): Disposable | undefined {
  try {
    return lockDatabase(path);
  } catch (error) {
    if (isFault(error, "conflict")) return undefined;
    throw error;
  }
}

function checkPages(db: Database, path: string): void {
  const rows = db.query<{ integrity_check: string }, []>("PRAGMA integrity_check(10)").all();
  const found = rows.map((row) => row.integrity_check).filter((text) => text !== "ok");
  if (found.length > 0) throw damaged(path, found.join("; "));
}

function countItems(db: Database): { readonly items: number; readonly bytes: number } {
  const row = db
    .query<{ items: number; bytes: number | null }, []>(
      `SELECT count(*) AS items, sum(length(key) + ${SIZE}) AS bytes FROM items`,
    )
    .get();
  return { items: row?.items ?? 0, bytes: row?.bytes ?? 0 };
}

function checkJournal(path: string, { identity, folded }: Totals): KvReport["journal"] {
  let records = 0;
  let changes = 0;
  const folder = valuesFolder(resolvedPath(path));
  const seen = new Set<string>();
  const { slots, incomplete } = recoverJournal({
    path: resolvedPath(path),
    identity,
    folded,
    readOnly: true,
    onRecord: (record) => {
      records++;
      eachEntry(record, (kind, bytes, at) => {
        if (kind === PUT || kind === REMOVE) changes++;
        if (!bytes.spooled(at) || seen.has(nameOf(bytes.value(at)))) return;
        seen.add(nameOf(bytes.value(at)));
        checkValue(ValueFile.parse(folder, bytes.value(at)));
      });
    },
  });
  for (const { fd } of slots) closeSync(fd);
  return { records, changes, incomplete };
}

function damaged(path: string, what: string): Fault {
  return new Fault("corrupt", `${path} is damaged: ${what}`, {
    hint: "Restore a backup with 'cairn restore'.",
  });
}
