// Copies a kv database into one file, also while a server writes to it, and brings such a file back.

import type { Database } from "bun:sqlite";
import { closeSync, copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Fault } from "../../../wire/faults.ts";
import { explain, openDatabase } from "../database.ts";
import { lockDatabase, resolvedPath } from "../lock.ts";
import { syncPath } from "../sync-path.ts";
import { checkKv, type KvReport, openToRead, totalsOf } from "./check.ts";
import { Fold } from "./fold.ts";
import { journalBytes, SLOTS, type Slot, slotPath } from "./journal.ts";
import { readBytes } from "./records.ts";
import { recoverJournal } from "./recovery.ts";
import { type Far, KvRing } from "./ring.ts";
import { ringBytes } from "./ring-memory.ts";
import { KV_APPLICATION_ID, KV_MIGRATIONS } from "./schema.ts";
import { embedValues, extractValues, HeldValues } from "./value-backup.ts";
import { valuesFolder } from "./values.ts";
import { publish } from "./view.ts";

/**
 * Writes all items that were acknowledged before the call into `file`: an SQLite database that needs no journal, checked
 * before it gets its name. Faults: `exists`, `not-found`, `corrupt`, `no-space`, `conflict`.
 */
export function backupKv(path: string, file: string): KvReport {
  if (!existsSync(path)) throw new Fault("not-found", `there is no file ${path}`);
  refuseExisting(file);
  // Beside the file, so that the last step is a rename.
  const folder = mkdtempSync(join(dirname(file), ".cairn-backup-"));
  try {
    const copy = join(folder, basename(path));
    copyAll(path, copy);
    const report = checkKv(copy);
    giveName(copy, file);
    return report;
  } catch (error) {
    throw explain(error, file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Makes the database `path`, which must not be there, from a backup. `verify`: reads every item of it first.
 * Faults: `exists`, `conflict`, `corrupt`, `no-space`.
 */
export function restoreKv(file: string, path: string, verify: boolean): KvReport | undefined {
  if (!existsSync(file)) throw new Fault("not-found", `there is no file ${file}`);
  using _lock = lockDatabase(path);
  refuseExisting(path);
  for (let slot = 0; slot < SLOTS; slot++) {
    const journal = slotPath(resolvedPath(path), slot);
    if (existsSync(journal))
      throw new Fault("exists", `${journal} is there: the journal of another database`);
  }
  const values = valuesFolder(resolvedPath(path));
  refuseExisting(values);
  const folder = mkdtempSync(join(dirname(path), ".cairn-restore-"));
  try {
    const copy = join(folder, basename(path));
    copyFileSync(file, copy);
    openToRead(copy).close();
    const report = verify ? checkKv(copy) : undefined;
    // Another number, so that a journal of the database that was backed up is not taken for its own.
    write(copy, (db) => db.run("UPDATE totals SET identity = abs(random() % 4294967295) + 1"));
    extractValues(copy, values);
    giveName(copy, path);
    return report;
  } catch (error) {
    rmSync(values, { recursive: true, force: true });
    throw explain(error, file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A server that does not see this process (they are in different containers) may remove values before they are held: then it begins again. */
const ATTEMPTS = 10;

function copyAll(path: string, copy: string): void {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    rmSync(copy, { force: true });
    using held = new HeldValues(resolvedPath(path));
    // The journal before the database: what is folded meanwhile is in the database, whatever becomes of its segment.
    copyJournal(resolvedPath(path), copy);
    const db = openToRead(path);
    try {
      db.run("VACUUM INTO ?", [copy]);
    } finally {
      db.close();
    }
    foldInto(copy);
    if (embedValues(copy, held)) return;
  }
  throw new Fault("busy", `the large values of ${path} are replaced faster than they can be backed up`, {
    hint: "Try again when fewer large values are stored.",
  });
}

function refuseExisting(file: string): void {
  if (!existsSync(file)) return;
  throw new Fault("exists", `${file} is there already`, { hint: "Name another file, or move it away." });
}

function copyJournal(path: string, copy: string): void {
  for (let slot = 0; slot < SLOTS; slot++) {
    try {
      copyFileSync(slotPath(path, slot), slotPath(copy, slot));
    } catch (error) {
      // Never used, or its server has stopped just now: then the database has all of it.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

/** Brings the copied journal into the copy: its segments in a row from the one that comes next. */
function foldInto(copy: string): void {
  write(copy, (db) => {
    const { identity, folded } = totalsOf(db, copy);
    const ring = new KvRing(ringBytes(0, journalBytes(copy)), folded);
    const { slots, segment } = recoverJournal({
      path: copy,
      identity,
      folded,
      readOnly: true,
      // A server was writing meanwhile: what begins after a gap began after the call.
      gaps: true,
      onRecord: (record) => publish({ ring, flushed: () => ring.clear() }, record),
    });
    const far: Far = (wanted, offset, size) => {
      const slot = slots.find((one) => one.segment === wanted) as Slot;
      return readBytes(slot.fd, offset, size);
    };
    if (segment > folded) new Fold(db).apply(ring.changes(segment), far);
    for (const { fd } of slots) closeSync(fd);
  });
  for (let slot = 0; slot < SLOTS; slot++) rmSync(slotPath(copy, slot), { force: true });
}

function write(path: string, work: (db: Database) => void): void {
  const db = openDatabase({
    path,
    sync: "full",
    applicationId: KV_APPLICATION_ID,
    migrations: KV_MIGRATIONS,
  });
  try {
    work(db);
    // One file, that is whole without others.
    db.run("PRAGMA journal_mode = DELETE");
  } finally {
    db.close();
  }
}

/** On the disk first, then under its name. */
function giveName(copy: string, file: string): void {
  syncPath(copy);
  renameSync(copy, file);
  syncPath(dirname(file));
}
