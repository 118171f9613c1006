// The database of records, small blobs and small staged uploads: one file, one connection, one group commit.

import type { Database } from "bun:sqlite";
import { openDatabase, type SyncMode } from "./database.ts";
import { GroupCommit } from "./group-commit.ts";

/** "CrnR" in the file's header. */
const APPLICATION_ID = 0x43726e52;

const MIGRATIONS = [
  `CREATE TABLE uploads (
     sequence INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     version INTEGER NOT NULL,
     name TEXT NOT NULL,
     state TEXT NOT NULL,
     expires_at INTEGER,
     document TEXT NOT NULL
   ) STRICT;
   CREATE INDEX uploads_by_name ON uploads (name, sequence);
   CREATE INDEX uploads_by_state ON uploads (state, sequence);
   CREATE INDEX uploads_by_expiry ON uploads (expires_at) WHERE expires_at IS NOT NULL;
   CREATE TABLE files (
     sequence INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     version INTEGER NOT NULL,
     name TEXT NOT NULL,
     sha256 TEXT NOT NULL,
     blob TEXT NOT NULL,
     expires_at INTEGER,
     document TEXT NOT NULL
   ) STRICT;
   CREATE INDEX files_by_name ON files (name, sequence);
   CREATE INDEX files_by_sha256 ON files (sha256, sequence);
   CREATE INDEX files_by_blob ON files (blob, sequence);
   CREATE INDEX files_by_expiry ON files (expires_at) WHERE expires_at IS NOT NULL;
   CREATE TABLE blobs (id TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
   CREATE TABLE staged (id TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
   CREATE TABLE pieces (
     sequence INTEGER PRIMARY KEY,
     staged TEXT NOT NULL,
     start INTEGER NOT NULL,
     bytes BLOB NOT NULL
   ) STRICT;
   CREATE INDEX pieces_by_staged ON pieces (staged, sequence);`,
  `CREATE TABLE totals (one INTEGER PRIMARY KEY CHECK (one = 1), files INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
   INSERT INTO totals
     SELECT 1, count(*), coalesce(sum(json_extract(document, '$.size')), 0) FROM files;
   CREATE TRIGGER files_counted AFTER INSERT ON files BEGIN
     UPDATE totals SET files = files + 1, bytes = bytes + json_extract(new.document, '$.size');
   END;
   CREATE TRIGGER files_uncounted AFTER DELETE ON files BEGIN
     UPDATE totals SET files = files - 1, bytes = bytes - json_extract(old.document, '$.size');
   END;`,
  `CREATE TABLE notices (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     subject TEXT NOT NULL,
     content TEXT,
     url TEXT NOT NULL,
     attempts INTEGER NOT NULL DEFAULT 0,
     due_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX notices_due ON notices (due_at);`,
];

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
  const db = openDatabase({ ...options, applicationId: APPLICATION_ID, migrations: MIGRATIONS });
  return new RecordsDatabase(db, options.path);
}
