// Opens an SQLite file the way all our adapters need it, and says clearly why when it cannot.

import { Database, SQLiteError } from "bun:sqlite";
import { Fault, toFault } from "../../wire/faults.ts";

/** `full`: a commit is on disk before it is acknowledged. `normal`: it survives the process, not the power. */
export type SyncMode = "full" | "normal";

export const DISK_FAILS =
  "The disk fails: look into the system's log (dmesg). Nothing that was acknowledged was taken back by it.";

export interface DatabaseOptions {
  readonly path: string;
  readonly sync: SyncMode;
  /** Stored in the file's header, so that a file of another program (or of another of our stores) is refused. */
  readonly applicationId: number;
  /** SQL scripts; number n brings a file from `user_version` n to n + 1. Never changed once released. */
  readonly migrations: readonly string[];
}

/**
 * Opens or initialises the file, in WAL mode, migrated to the newest version.
 *
 * Faults: `corrupt` (not a database, damaged), `conflict` (another program's or a newer file, or locked),
 * `forbidden` (not writable), `no-space`.
 */
export function openDatabase(options: DatabaseOptions): Database {
  let db: Database | undefined;
  try {
    db = new Database(options.path, { create: true, strict: true, safeIntegers: false });
    configure(db, options);
    migrate(db, options);
    return db;
  } catch (error) {
    db?.close();
    throw explain(error, options.path);
  }
}

/** Translates SQLite's errors; any other error becomes a Fault by `toFault`. */
export function explain(error: unknown, path: string): Fault {
  if (!(error instanceof SQLiteError)) return toFault(error);
  const code = error.code ?? "";
  const cause = { cause: error };
  if (code.startsWith("SQLITE_FULL")) {
    return new Fault("no-space", `no space left on the disk of ${path}`, {
      ...cause,
      hint: "Free some space, then repeat the request; nothing that was acknowledged is lost.",
    });
  }
  if (code.startsWith("SQLITE_NOTADB") || code.startsWith("SQLITE_CORRUPT")) {
    return new Fault("corrupt", `${path} is not a sound SQLite database: ${error.message}`, {
      ...cause,
      hint: `Run 'cairn check ${path}' to see what is damaged, or restore a backup.`,
    });
  }
  if (
    code.startsWith("SQLITE_READONLY") ||
    code.startsWith("SQLITE_CANTOPEN") ||
    code.startsWith("SQLITE_PERM")
  ) {
    return new Fault("forbidden", `${path} cannot be opened for writing: ${error.message}`, {
      ...cause,
      hint: "Check that its folder exists and that this user may write to it.",
    });
  }
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return new Fault("busy", `${path} is locked by another process`, {
      ...cause,
      hint: "Is another server running on this file?",
    });
  }
  return new Fault("internal", `SQLite on ${path}: ${error.message} (${code})`, {
    ...cause,
    ...(code.startsWith("SQLITE_IOERR") && { hint: DISK_FAILS }),
  });
}

function configure(db: Database, { sync }: DatabaseOptions): void {
  // Other processes (workers) write to the same file; wait for them rather than fail.
  db.run("PRAGMA busy_timeout = 5000");
  db.run("PRAGMA journal_mode = WAL");
  db.run(`PRAGMA synchronous = ${sync === "full" ? "FULL" : "NORMAL"}`);
  db.run("PRAGMA foreign_keys = ON");
  db.run("PRAGMA temp_store = MEMORY");
}

function migrate(db: Database, { path, applicationId, migrations }: DatabaseOptions): void {
  const owner = pragma(db, "application_id");
  if (owner !== applicationId && !(owner === 0 && isEmpty(db))) {
    throw new Fault("conflict", `${path} is an SQLite database, but not one of Cairn's`, {
      hint: "Name another file; it will be created.",
    });
  }
  const version = pragma(db, "user_version");
  if (version > migrations.length) {
    throw new Fault(
      "conflict",
      `${path} was written by a newer Cairn (format ${version}, known ${migrations.length})`,
      {
        hint: "Upgrade Cairn to open it.",
      },
    );
  }
  if (version === migrations.length && owner === applicationId) return;
  db.transaction(() => {
    // Read again under the write lock: another process may have migrated meanwhile.
    for (let n = pragma(db, "user_version"); n < migrations.length; n++) db.run(migrations[n] ?? "");
    db.run(`PRAGMA application_id = ${applicationId}`);
    db.run(`PRAGMA user_version = ${migrations.length}`);
  }).immediate();
}

function pragma(db: Database, name: string): number {
  const row = db.query<Record<string, number>, []>(`PRAGMA ${name}`).get();
  return row?.[name] ?? 0;
}

function isEmpty(db: Database): boolean {
  return db.query("SELECT 1 FROM sqlite_schema LIMIT 1").get() === null;
}
