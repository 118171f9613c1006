// Large values of a kv database into its backup, and out of it again.

import { Database } from "bun:sqlite";
import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { Fault } from "../../../wire/faults.ts";
import { syncPath } from "../sync-path.ts";
import { totalsOf } from "./check.ts";
import { namesIn } from "./value-check.ts";
import { ValueFile } from "./value-file.ts";
import {
  addPieces,
  checked,
  createPieces,
  hasPieces,
  indexPieces,
  piecesOf,
  piecesOfFile,
  spooledRows,
  writePieces,
} from "./value-pieces.ts";
import { isValueName, markOf, valuesFolder } from "./values.ts";

/**
 * Links to files, so that a server that removes them meanwhile does not take them away. A server that sees this process links here, too, what
 * it removes later.
 */
export class HeldValues implements Disposable {
  readonly #from: string;
  readonly #folder: string | undefined;

  /** Of the database `path`: all that there are now. */
  constructor(path: string) {
    this.#from = valuesFolder(path);
    if (!existsSync(this.#from)) return;
    // A server's start removes it if this process was killed.
    this.#folder = mkdtempSync(join(this.#from, `.backup-${process.pid}-`));
    for (const name of namesIn(this.#from)) if (isValueName(name)) this.hold(name);
  }

  /** False when it is not there any more. */
  hold(name: string): boolean {
    if (this.#folder === undefined) return false;
    const held = join(this.#folder, name);
    try {
      linkSync(join(this.#from, name), held);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") return true;
      // Removed meanwhile, but perhaps held before.
      if (code === "ENOENT") return existsSync(held);
      throw new Fault("internal", `${this.#from}: files cannot be held for the backup (${code})`, {
        hint: "Stop the server, copy the database and the folder, and start it again.",
        cause: error,
      });
    }
  }

  pathOf(name: string): string {
    return join(this.#folder ?? this.#from, name);
  }

  [Symbol.dispose](): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}

/**
 * Puts the bytes of all large values into `copy`, a copy of the database. False, and nothing is done, when one was replaced and removed
 * before it could be held. Fault `corrupt`.
 */
export function embedValues(copy: string, held: HeldValues): boolean {
  const db = openAlone(copy);
  try {
    const files = function* () {
      for (const { value } of spooledRows(db)) yield ValueFile.parse("", value);
    };
    let any = false;
    for (const { name } of files()) {
      if (!held.hold(name)) return false;
      any = true;
    }
    if (!any) return true;
    createPieces(db);
    for (const file of files()) addPieces(db, file.name, checked(file, piecesOfFile(held.pathOf(file.name))));
    indexPieces(db);
    return true;
  } finally {
    db.close();
  }
}

/** The other way: out of `copy` into files in `folder`, which is not there yet. */
export function extractValues(copy: string, folder: string): void {
  const db = openAlone(copy);
  try {
    if (!hasPieces(db)) return;
    mkdirSync(folder);
    writePieces(join(folder, markOf(totalsOf(db, copy).identity)), []);
    for (const { value } of spooledRows(db)) {
      const file = ValueFile.parse(folder, value);
      writePieces(file.path, checked(file, piecesOf(db, file.name)));
    }
    syncPath(folder);
    syncPath(dirname(folder));
    db.run("DROP TABLE value_pieces");
    db.run("VACUUM");
  } finally {
    db.close();
  }
}

/** Nobody else has it, and if this process ends it is thrown away: so it needs no journal. */
function openAlone(path: string): Database {
  const db = new Database(path, { readwrite: true, create: false, strict: true });
  db.run("PRAGMA journal_mode = OFF");
  db.run("PRAGMA synchronous = OFF");
  return db;
}
