// The roster of workers, in the queue's SQLite file.

import type { Database } from "bun:sqlite";
import type { Roster, WorkerRecord } from "../../../ports/roster.ts";
import { explain, openDatabase } from "../database.ts";
import { QUEUE_APPLICATION_ID, QUEUE_MIGRATIONS } from "./schema.ts";

interface WorkerRow {
  readonly name: string;
  readonly kinds: string;
  readonly started_at: number;
  readonly seen_at: number;
}

const FORGOTTEN_MS = 3_600_000;

export class SqliteRoster implements Roster, AsyncDisposable {
  readonly #db: Database;
  readonly #path: string;

  /** Opens the file of a queue. Faults as `openDatabase`. */
  static open({ path }: { readonly path: string }): SqliteRoster {
    // Who was alive before a power cut is of no use after it: an idle worker costs no fsync.
    const owner = { applicationId: QUEUE_APPLICATION_ID, migrations: QUEUE_MIGRATIONS };
    return new SqliteRoster(openDatabase({ path, sync: "normal", ...owner }), path);
  }

  private constructor(db: Database, path: string) {
    this.#db = db;
    this.#path = path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db.close();
  }

  async enter({ name, kinds, startedAt, seenAt }: WorkerRecord): Promise<void> {
    this.#try(() =>
      this.#db
        .transaction(() => {
          this.#db
            .query("DELETE FROM workers WHERE seen_at <= $before")
            .run({ before: seenAt - FORGOTTEN_MS });
          this.#db
            .query("INSERT OR REPLACE INTO workers VALUES ($name, $kinds, $startedAt, $seenAt)")
            .run({ name, kinds: JSON.stringify(kinds), startedAt, seenAt });
        })
        .immediate(),
    );
  }

  async leave(name: string): Promise<void> {
    this.#try(() => this.#db.query("DELETE FROM workers WHERE name = $name").run({ name }));
  }

  async list(since: number): Promise<readonly WorkerRecord[]> {
    const rows = this.#try(() =>
      this.#db
        .query<WorkerRow, Record<string, number>>(
          "SELECT * FROM workers WHERE seen_at >= $since ORDER BY started_at, name",
        )
        .all({ since }),
    );
    return rows.map(({ name, kinds, started_at, seen_at }) => {
      // Only our own code writes them, so their shape is taken as known.
      return { name, kinds: JSON.parse(kinds) as string[], startedAt: started_at, seenAt: seen_at };
    });
  }

  #try<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explain(error, this.#path);
    }
  }
}
