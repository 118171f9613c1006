// The database of records, small blobs and small staged uploads: one file, one connection, one group commit.

import type { Database } from "bun:sqlite";
import { openDatabase, type SyncMode } from "./database.ts";
import { GroupCommit } from "./group-commit.ts";
import { RECORDS_APPLICATION_ID, RECORDS_MIGRATIONS } from "./records-schema.ts";

/** Shared by the adapters of this folder that keep records and small bytes; several processes may open it at once. */
export class RecordsDatabase {
  readonly db: Database;
  readonly commits: GroupCommit;
  readonly path: string;

  constructor(db: Database, path: string) {
    this.db = db;
    this.path = path;
    // Each checkpoint copies a page once, however often it was written since the last: many small uploads share pages.
    db.run("PRAGMA wal_autocheckpoint = 4000");
    this.commits = new GroupCommit(db, path, { repeatable: true });
  }

  /** Commits what is pending, then closes. */
  close(): void {
    this.commits.flush();
    this.db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Opens or initialises the file. Faults: see `openDatabase`. */
export function openRecordsDatabase(options: {
  readonly path: string;
  readonly sync: SyncMode;
}): RecordsDatabase {
  const db = openDatabase({
    ...options,
    applicationId: RECORDS_APPLICATION_ID,
    migrations: RECORDS_MIGRATIONS,
  });
  return new RecordsDatabase(db, options.path);
}
