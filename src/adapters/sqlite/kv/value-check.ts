// Looks whether the large values of a kv database are all there, to the byte.

import type { Database } from "bun:sqlite";
import { opendirSync } from "node:fs";
import { Fault } from "../../../wire/faults.ts";
import { ValueFile } from "./value-file.ts";
import { checked, hasPieces, piecesOf, piecesOfFile, spooledRows } from "./value-pieces.ts";
import { isValueName, valuesFolder } from "./values.ts";

export interface ValuesReport {
  /** Values that are files of their own, or were before they were backed up; and their bytes. */
  readonly files: number;
  readonly bytes: number;
  /** Files that no item in the table has: a crash left them, or a server is about to store or to remove them. */
  readonly unlisted: number;
}

/** `path`: of the database, without links; a server may be running. Fault `corrupt`. */
export function checkValues(db: Database, path: string): ValuesReport {
  const folder = valuesFolder(path);
  const inBackup = hasPieces(db);
  const isListed = db.query("SELECT 1 FROM spooled WHERE name = ?");
  let files = 0;
  let bytes = 0;
  for (const { id, value } of spooledRows(db)) {
    const file = ValueFile.parse(folder, value);
    try {
      if (!isListed.get(file.name)) throw corrupt(`the large value ${file.name} is not in the list of files`);
      checkValue(file, inBackup ? piecesOf(db, file.name) : undefined);
    } catch (error) {
      // A running server has replaced it meanwhile, and removed the file.
      if (isReplaced(db, id, value)) continue;
      throw error;
    }
    files++;
    bytes += file.length;
  }
  return { files, bytes, unlisted: inBackup ? 0 : countUnlisted(folder, isListed) };
}

/** Reads all of it. */
export function checkValue(file: ValueFile, pieces: Iterable<Uint8Array> = piecesOfFile(file.path)): void {
  try {
    for (const _ of checked(file, pieces));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw corrupt(`the large value ${file.name} is missing`);
  }
}

function isReplaced(db: Database, id: number, value: Uint8Array): boolean {
  const row = db.query<{ value: Uint8Array }, [number]>("SELECT value FROM items WHERE id = ?").get(id);
  return !row || Buffer.compare(row.value, value) !== 0;
}

function countUnlisted(path: string, isListed: { get(name: string): unknown }): number {
  let unlisted = 0;
  for (const name of namesIn(path)) if (isValueName(name) && !isListed.get(name)) unlisted++;
  return unlisted;
}

/** None when there is no such folder. */
export function* namesIn(path: string): Generator<string> {
  let folder: ReturnType<typeof opendirSync>;
  try {
    folder = opendirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  try {
    for (let entry = folder.readSync(); entry; entry = folder.readSync()) yield entry.name;
  } finally {
    folder.closeSync();
  }
}

function corrupt(what: string): Fault {
  return new Fault("corrupt", what, { hint: "Restore a backup with 'cairn restore'." });
}
