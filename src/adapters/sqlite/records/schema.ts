// The tables of records, small blobs and small staged uploads, and how older stores are brought to them.

import { sqlPacked } from "./packed-ids.ts";

/** "CrnR" in the file's header. */
export const RECORDS_APPLICATION_ID = 0x43726e52;

/**
 * A file of some hundred bytes should not need a thousand more: what follows from something else is NULL (see
 * `file-rows.ts`), and an index holds only the rows that are looked for by it.
 */
const COMPACT_FILES = `
  DROP TRIGGER files_counted;
  DROP TRIGGER files_uncounted;
  ALTER TABLE files RENAME TO old_files;
  DROP INDEX files_by_name;
  DROP INDEX files_by_sha256;
  DROP INDEX files_by_blob;
  DROP INDEX files_by_expiry;
  CREATE TABLE files (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id ANY NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    name TEXT,
    size INTEGER NOT NULL,
    sha256 ANY NOT NULL,
    media_type TEXT,
    blob ANY,
    origin TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER
  ) STRICT;
  INSERT INTO files
    SELECT sequence, ${sqlPacked("id")}, version,
      CASE WHEN name = sha256 || '.txt' AND document ->> 'origin' = 'upload:image:' || sha256
        AND sha256 GLOB '${"[0-9a-f]".repeat(64)}' THEN NULL ELSE name END,
      document ->> 'size',
      CASE WHEN sha256 GLOB '${"[0-9a-f]".repeat(64)}' THEN unhex(sha256) ELSE sha256 END,
      nullif(document ->> 'mediaType', 'text/plain; charset=utf-8'),
      CASE WHEN blob = id THEN NULL ELSE ${sqlPacked("blob")} END,
      CASE WHEN document ->> 'origin' = 'upload:image:' || sha256 THEN NULL ELSE document ->> 'origin' END,
      document ->> 'createdAt', document ->> 'updatedAt', expires_at
    FROM old_files ORDER BY sequence;
  DROP TABLE old_files;
  CREATE INDEX files_by_name ON files (name, sequence) WHERE name IS NOT NULL;
  CREATE INDEX files_by_sha256 ON files (sha256, sequence) WHERE origin IS NOT NULL;
  CREATE INDEX files_of_images ON files (sha256, sequence) WHERE origin IS NULL;
  CREATE INDEX files_by_blob ON files (blob, sequence) WHERE blob IS NOT NULL;
  CREATE INDEX files_by_expiry ON files (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TRIGGER files_counted AFTER INSERT ON files BEGIN
    UPDATE totals SET files = files + 1, bytes = bytes + new.size;
  END;
  CREATE TRIGGER files_uncounted AFTER DELETE ON files BEGIN
    UPDATE totals SET files = files - 1, bytes = bytes - old.size;
  END;
  DELETE FROM uploads WHERE state = 'finished' AND id GLOB 'image:*'
    AND EXISTS (SELECT 1 FROM files WHERE origin IS NULL AND sha256 = unhex(substr(uploads.id, 7)));
  UPDATE uploads SET expires_at = unixepoch() * 1000 + ${7 * 24 * 3_600_000}
    WHERE state = 'finished' AND expires_at IS NULL AND id NOT GLOB 'image:*';
  ALTER TABLE blobs RENAME TO old_blobs;
  CREATE TABLE blobs (sequence INTEGER PRIMARY KEY, id ANY NOT NULL UNIQUE, bytes BLOB NOT NULL) STRICT;
  INSERT INTO blobs (id, bytes) SELECT ${sqlPacked("marked")}, bytes
    FROM (SELECT 's-' || id AS marked, bytes FROM old_blobs ORDER BY id);
  DROP TABLE old_blobs;
  UPDATE staged SET id = 's-' || id;
  UPDATE pieces SET staged = 's-' || staged;`;

/** Number n brings a file from format n to n + 1. Never changed once released. */
export const RECORDS_MIGRATIONS: readonly string[] = [
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
  COMPACT_FILES,
  "CREATE TABLE arrivals (sequence INTEGER PRIMARY KEY, entries TEXT NOT NULL, bytes BLOB NOT NULL) STRICT",
];
