// The database of records, small blobs and small staged uploads: one file, one connection, one group commit.

import type { Database } from "bun:sqlite";
import { explain, openDatabase, type SyncMode } from "../database.ts";
import { GroupCommit } from "../group-commit.ts";
import { lockDatabase } from "../lock.ts";
import { Arrivals } from "./arrivals.ts";
import { RecordsCheckpoints } from "./checkpoints.ts";
import { RECORDS_APPLICATION_ID, RECORDS_MIGRATIONS } from "./schema.ts";

/**
 * Pages of the write-ahead log after which the connection that commits copies them itself, and waits for the disk. Where a
 * thread does that (see `records/checkpoints.ts`), only if it is far behind.
 */
const OWN_CHECKPOINT = 4_000;
const LATE_CHECKPOINT = 16_000;

/** Shared by the adapters of this folder that keep records and small bytes; several processes may open it at once. */
export class RecordsDatabase {
  readonly db: Database;
  readonly commits: GroupCommit;
  readonly path: string;
  /** Where small uploads arrive: in the one process that takes them. */
  readonly arrivals: Arrivals | undefined;
  readonly #lock: Disposable | undefined;
  readonly #checkpoints: RecordsCheckpoints | undefined;
  #isReading = false;

  constructor(db: Database, { path, sync }: RecordsOptions, lock?: Disposable) {
    this.db = db;
    this.path = path;
    this.#lock = lock;
    this.arrivals = lock && new Arrivals(db);
    // Each checkpoint copies a page once, however often it was written since the last: many small uploads share pages.
    db.run(`PRAGMA wal_autocheckpoint = ${lock ? LATE_CHECKPOINT : OWN_CHECKPOINT}`);
    const { arrivals } = this;
    const participant = {
      begin: () => arrivals?.begin(),
      prepare: () => arrivals?.prepare(),
      committed: (works: number) => {
        arrivals?.committed();
        this.#checkpoints?.committed(works);
      },
    };
    const before = () => this.#endReading();
    const waits = sync === "full";
    this.commits = new GroupCommit(db, path, { repeatable: true, before, participant, waits });
    this.#checkpoints = lock && new RecordsCheckpoints(path, this.commits);
  }

  /**
   * Runs a query that changes nothing. Those of one turn of the event loop share a transaction, since its locks take longer
   * than most of them.
   */
  read<T>(query: () => T): T {
    try {
      if (!this.#isReading && !this.db.inTransaction) {
        this.db.query("BEGIN").run();
        this.#isReading = true;
        setImmediate(() => this.#endReading());
      }
      return query();
    } catch (error) {
      throw explain(error, this.path);
    }
  }

  /** Small uploads become rows of the tables, for whoever has to see all uploads there. */
  async spill(): Promise<void> {
    if (this.arrivals && this.arrivals.size > 0) await this.commits.run(() => this.arrivals?.spill());
  }

  /** Commits what is pending, then closes. */
  async close(): Promise<void> {
    await this.#checkpoints?.close();
    // Should the disk be full, it stays in the journal for the next start.
    this.spill().catch(() => undefined);
    this.commits.flush();
    this.#endReading();
    this.db.close();
    this.#lock?.[Symbol.dispose]();
  }

  #endReading(): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    this.db.query("COMMIT").run();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export interface RecordsOptions {
  readonly path: string;
  readonly sync: SyncMode;
  /** This process takes the uploads, alone: Fault `conflict` if another one does. */
  readonly takesUploads: boolean;
}

/** Opens or initialises the file. Faults: see `openDatabase`. */
export function openRecordsDatabase(options: RecordsOptions): RecordsDatabase {
  const { path, sync, takesUploads } = options;
  const lock = takesUploads ? lockDatabase(path) : undefined;
  try {
    const [applicationId, migrations] = [RECORDS_APPLICATION_ID, RECORDS_MIGRATIONS];
    const db = openDatabase({ path, sync, applicationId, migrations });
    const store = new RecordsDatabase(db, options, lock);
    const { arrivals } = store;
    if (arrivals) db.transaction(() => arrivals.recover()).immediate();
    return store;
  } catch (error) {
    lock?.[Symbol.dispose]();
    throw explain(error, path);
  }
}
