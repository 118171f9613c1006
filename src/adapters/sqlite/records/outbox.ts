// The outbox beside the records: its notices are committed with the changes that they tell of.

import type { Database } from "bun:sqlite";
import type { NewNotice, Notice, Outbox } from "../../../ports/outbox.ts";
import { explain } from "../database.ts";
import type { RecordsDatabase } from "./database.ts";

interface NoticeRow {
  readonly id: number;
  readonly subject: string;
  readonly content: string | null;
  readonly url: string;
  readonly attempts: number;
  readonly due_at: number;
}

export class RecordsOutbox implements Outbox {
  readonly #store: RecordsDatabase;

  constructor(store: RecordsDatabase) {
    this.#store = store;
  }

  async due(now: number, limit: number): Promise<readonly Notice[]> {
    const { db, path } = this.#store;
    const sql = "SELECT * FROM notices WHERE due_at <= ? ORDER BY due_at, id LIMIT ?";
    try {
      const rows = db.query<NoticeRow, [number, number]>(sql).all(now, limit);
      return rows.map(({ id, due_at, ...row }) => ({ ...row, id: String(id), dueAt: due_at }));
    } catch (error) {
      throw explain(error, path);
    }
  }

  async postpone(id: string, dueAt: number): Promise<void> {
    const { db, commits } = this.#store;
    const sql = "UPDATE notices SET attempts = attempts + 1, due_at = ? WHERE id = ?";
    await commits.run(() => db.query(sql).run(dueAt, Number(id)));
  }

  async remove(id: string): Promise<void> {
    const { db, commits } = this.#store;
    await commits.run(() => db.query("DELETE FROM notices WHERE id = ?").run(Number(id)));
  }
}

/** To be called within the commit of the change that it tells of. */
export function putNotice(db: Database, { subject, content, url, dueAt }: NewNotice): void {
  db.query("INSERT INTO notices (subject, content, url, due_at) VALUES (?, ?, ?, ?)").run(
    subject,
    content,
    url,
    dueAt,
  );
}
