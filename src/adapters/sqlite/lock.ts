// Sees to it that one process serves a kv database: a lock on a file beside it, which ends with the process.

import { Database, SQLiteError } from "bun:sqlite";
import { realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Fault } from "../../wire/faults.ts";
import { explain } from "./database.ts";

/**
 * Takes `<path>.lock`. The kernel drops the lock when the process ends, however it ends, so a left-over file is harmless.
 * The database itself stays free for readers and for backups. Fault `conflict` if somebody has it.
 */
export function lockDatabase(path: string): Disposable {
  let lock: Database | undefined;
  try {
    const db = new Database(`${resolvedPath(path)}.lock`, { create: true });
    lock = db;
    db.run("PRAGMA busy_timeout = 0");
    db.run("PRAGMA journal_mode = MEMORY");
    db.run("BEGIN EXCLUSIVE");
    return { [Symbol.dispose]: () => db.close() };
  } catch (error) {
    lock?.close();
    if (error instanceof SQLiteError && error.code?.startsWith("SQLITE_BUSY")) {
      throw new Fault("conflict", `${path} is already served by another process`, {
        hint: "Stop the other server, or name another database file.",
        cause: error,
      });
    }
    throw explain(error, path);
  }
}

/** Two names of one file (a link, a relative path) must find the same lock. */
export function resolvedPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    // Not created yet: then its folder has to exist, and if not, opening the lock says so.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const folder = dirname(path);
    try {
      return join(realpathSync(folder), basename(path));
    } catch (cause) {
      throw new Fault("forbidden", `${path} cannot be created: there is no folder ${folder}`, {
        hint: "Create the folder, or name another file.",
        cause,
      });
    }
  }
}
