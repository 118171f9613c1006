// The outbox in the queue's SQLite file: its notices are written there by a trigger of the queue's schema.

import type { Database } from "bun:sqlite";
import type { Notice, Outbox } from "../../../ports/outbox.ts";
import { explain, openDatabase, type SyncMode } from "../database.ts";
import { QUEUE_APPLICATION_ID, QUEUE_MIGRATIONS } from "./schema.ts";

interface NoticeRow {
  readonly id: number;
  readonly job_id: string;
  readonly url: string;
  readonly attempts: number;
  readonly due_at: number;
}

export class SqliteOutbox implements Outbox, AsyncDisposable {
  readonly #db: Database;
  readonly #path: string;

  /** Opens the file of a queue. Faults as `openDatabase`. */
  static open({ path, sync }: { readonly path: string; readonly sync: SyncMode }): SqliteOutbox {
    const owner = { applicationId: QUEUE_APPLICATION_ID, migrations: QUEUE_MIGRATIONS };
    return new SqliteOutbox(openDatabase({ path, sync, ...owner }), path);
  }

  private constructor(db: Database, path: string) {
    this.#db = db;
    this.#path = path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db.close();
  }

  async due(now: number, limit: number): Promise<readonly Notice[]> {
    const rows = this.#try(() =>
      this.#db
        .query<NoticeRow, Record<string, number>>(
          "SELECT * FROM notices WHERE due_at <= $now ORDER BY due_at, id LIMIT $limit",
        )
        .all({ now, limit }),
    );
    return rows.map(({ id, job_id, url, attempts, due_at }) => {
      return { id: String(id), subject: job_id, content: null, url, attempts, dueAt: due_at };
    });
  }

  async postpone(id: string, dueAt: number): Promise<void> {
    this.#try(() =>
      this.#db
        .query("UPDATE notices SET attempts = attempts + 1, due_at = $dueAt WHERE id = $id")
        .run({ id: Number(id), dueAt }),
    );
  }

  async remove(id: string): Promise<void> {
    this.#try(() => this.#db.query("DELETE FROM notices WHERE id = $id").run({ id: Number(id) }));
  }

  #try<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explain(error, this.#path);
    }
  }
}
