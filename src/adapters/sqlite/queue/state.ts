// The state of the queue as a whole, over a connection of its own: SQLite tells a connection of the commits of all others.

import type { Database } from "bun:sqlite";
import type { JobState } from "../../../ports/queue.ts";
import type { KindState, QueueState } from "../../../ports/queue-state.ts";
import { explain, openDatabase, type SyncMode } from "../database.ts";
import { QUEUE_APPLICATION_ID, QUEUE_MIGRATIONS } from "./schema.ts";

interface CountRow {
  readonly kind: string;
  readonly state: JobState | null;
  readonly jobs: number;
  readonly paused: number;
}

const NONE = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };

export class SqliteQueueState implements QueueState, AsyncDisposable {
  readonly #db: Database;
  readonly #path: string;
  /** Pauses made over this very connection, of which SQLite does not tell it. */
  #pauses = 0;

  /** Opens the file of a queue. Faults as `openDatabase`. */
  static open({ path, sync }: { readonly path: string; readonly sync: SyncMode }): SqliteQueueState {
    const owner = { applicationId: QUEUE_APPLICATION_ID, migrations: QUEUE_MIGRATIONS };
    return new SqliteQueueState(openDatabase({ path, sync, ...owner }), path);
  }

  private constructor(db: Database, path: string) {
    this.#db = db;
    this.#path = path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db.close();
  }

  async kinds(): Promise<readonly KindState[]> {
    const rows = this.#try(() =>
      this.#db
        .query<CountRow, []>(
          `SELECT kind, state, jobs, kind IN (SELECT kind FROM paused) AS paused FROM counts WHERE jobs > 0
           UNION ALL SELECT kind, NULL, 0, 1 FROM paused ORDER BY kind`,
        )
        .all(),
    );
    const kinds = new Map<string, KindState>();
    for (const { kind, state, jobs, paused } of rows) {
      const known = kinds.get(kind)?.jobs ?? NONE;
      const counted = state === null ? known : { ...known, [state]: jobs };
      kinds.set(kind, { kind, isPaused: paused === 1, jobs: counted });
    }
    return [...kinds.values()];
  }

  async pause(kind: string, isPaused: boolean): Promise<void> {
    const sql = isPaused
      ? "INSERT OR IGNORE INTO paused VALUES ($kind)"
      : "DELETE FROM paused WHERE kind = $kind";
    this.#try(() => this.#db.query(sql).run({ kind }));
    this.#pauses++;
  }

  async revision(): Promise<string> {
    const row = this.#try(() => this.#db.query<{ data_version: number }, []>("PRAGMA data_version").get());
    return `${row?.data_version}.${this.#pauses}`;
  }

  #try<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explain(error, this.#path);
    }
  }
}

/** Of all kinds together. */
export function countsOf(db: Database): Readonly<Record<JobState, number>> {
  const rows = db
    .query<{ state: JobState; jobs: number }, []>(
      "SELECT state, sum(jobs) AS jobs FROM counts GROUP BY state",
    )
    .all();
  return { ...NONE, ...Object.fromEntries(rows.map(({ state, jobs }) => [state, jobs])) };
}
