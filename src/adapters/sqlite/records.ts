// Records in SQLite: the columns that lists and sweepers search by, and the rest of the document as JSON.

import type { NewNotice } from "../../ports/outbox.ts";
import type {
  Collections,
  FileRecord,
  Page,
  PageQuery,
  Records,
  Totals,
  UploadRecord,
} from "../../ports/records.ts";
import { Fault } from "../../wire/faults.ts";
import { explain } from "./database.ts";
import type { RecordsDatabase } from "./records-database.ts";
import { putNotice } from "./records-outbox.ts";

interface Row {
  readonly sequence: number;
  readonly version: number;
  readonly name: string;
  readonly expires_at: number | null;
  readonly document: string;
}

const CHANGE_DOCUMENT = `UPDATE uploads SET version = $version, document = $document
  WHERE id = $id AND version = $version - 1 AND name = $name AND state = $state AND expires_at IS $expires_at`;

type Values = Record<string, string | number | null>;

export class SqliteRecords implements Records {
  readonly #store: RecordsDatabase;

  constructor(store: RecordsDatabase) {
    this.#store = store;
  }

  async insert<C extends keyof Collections>(collection: C, record: Collections[C]): Promise<void> {
    await this.#store.commits.run(() => this.#insert(collection, record));
  }

  async insertSharing(record: FileRecord): Promise<void> {
    const { db, commits } = this.#store;
    await commits.run(() => {
      const shared = db.query("SELECT 1 FROM files WHERE blob = ? LIMIT 1").get(record.blob);
      if (!shared) throw new Fault("conflict", `no file has the blob ${record.blob}`);
      this.#insert("files", record);
    });
  }

  async get<C extends keyof Collections>(collection: C, id: string): Promise<Collections[C] | undefined> {
    const row = this.#row(collection, id);
    return row && parse<C>(row);
  }

  async replace<C extends keyof Collections>(
    collection: C,
    record: Collections[C],
    notice?: NewNotice,
  ): Promise<Collections[C]> {
    const { db, commits } = this.#store;
    const next: Collections[C] = { ...record, version: record.version + 1 };
    const columns = columnsOf(collection, next);
    await commits.run(() => {
      // A notice of a change that is refused below is rolled back with it.
      if (notice) putNotice(db, notice);
      // Most changes of uploads leave what is indexed as it is; setting it again would write every index again.
      if (collection === "uploads" && db.query<unknown, Values>(CHANGE_DOCUMENT).run(columns).changes === 1)
        return;
      const sets = Object.keys(columns).map((name) => `${name} = $${name}`);
      const sql = `UPDATE ${collection} SET ${sets.join(", ")} WHERE id = $id AND version = $version - 1`;
      const { changes } = db.query<unknown, Values>(sql).run(columns);
      if (changes === 1) return;
      if (this.#row(collection, record.id)) throw changed(record.id);
      throw new Fault("not-found", `there is no ${record.id}`);
    });
    return next;
  }

  async remove<C extends keyof Collections>(collection: C, id: string, version: number): Promise<void> {
    const { db, commits } = this.#store;
    await commits.run(() => {
      const row = this.#row(collection, id);
      if (row && row.version !== version) throw changed(id);
      db.query(`DELETE FROM ${collection} WHERE id = ?`).run(id);
    });
  }

  async totals(): Promise<Totals> {
    const sql = "SELECT files, bytes FROM totals";
    const row = this.#read(() => this.#store.db.query<Totals, []>(sql).get());
    return { files: row?.files ?? 0, bytes: row?.bytes ?? 0 };
  }

  async page<C extends keyof Collections>(collection: C, query: PageQuery): Promise<Page<Collections[C]>> {
    const { sql, values } = plan(collection, query);
    const rows = this.#read(() => this.#store.db.query<Row, Values>(sql).all(values));
    const last = rows.length > query.limit ? rows[query.limit - 1] : undefined;
    return {
      records: rows.slice(0, query.limit).map((row) => parse<C>(row)),
      next: last ? writeCursor(query.order ?? "newest", last) : null,
    };
  }

  async expired<C extends keyof Collections>(
    collection: C,
    at: number,
    limit: number,
  ): Promise<readonly Collections[C][]> {
    const sql = `SELECT * FROM ${collection} WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`;
    const rows = this.#read(() => this.#store.db.query<Row, [number, number]>(sql).all(at, limit));
    return rows.map((row) => parse<C>(row));
  }

  #insert(collection: keyof Collections, record: UploadRecord | FileRecord): void {
    const columns = columnsOf(collection, record);
    const names = Object.keys(columns);
    const sql = `INSERT INTO ${collection} (${names.join(", ")}) VALUES (${names.map((n) => `$${n}`).join(", ")})
      ON CONFLICT (id) DO NOTHING`;
    const { changes } = this.#store.db.query<unknown, Values>(sql).run(columns);
    if (changes === 0) throw new Fault("exists", `${record.id} exists already`);
  }

  #row(collection: keyof Collections, id: string): Row | undefined {
    const sql = `SELECT * FROM ${collection} WHERE id = ?`;
    return this.#read(() => this.#store.db.query<Row, [string]>(sql).get(id)) ?? undefined;
  }

  #read<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explain(error, this.#store.path);
    }
  }
}

/** What has a column is left out of the document: a small image's record shrinks by a third. */
function columnsOf(collection: keyof Collections, record: UploadRecord | FileRecord): Values {
  const { id, version, name, expiresAt: expires_at, ...rest } = record;
  if (collection === "uploads") {
    const { state, ...document } = rest as Omit<UploadRecord, "id" | "version" | "name" | "expiresAt">;
    return { id, version, name, expires_at, state, document: JSON.stringify(document) };
  }
  const { sha256, blob, ...document } = rest as Omit<FileRecord, "id" | "version" | "name" | "expiresAt">;
  return { id, version, name, expires_at, sha256, blob, document: JSON.stringify(document) };
}

function plan(collection: keyof Collections, query: PageQuery): { sql: string; values: Values } {
  const order = query.order ?? "newest";
  const conditions: string[] = [];
  const values: Values = { limit: query.limit + 1 };
  const only = (condition: string, name: string, value: string | number | undefined) => {
    if (value === undefined) return;
    conditions.push(condition);
    values[name] = value;
  };
  // No UTF-8 text contains the byte FF, so this is the end of all names that begin with the prefix.
  only("name >= $prefix AND name < $prefix || CAST(X'FF' AS TEXT)", "prefix", query.prefix);
  only("blob = $blob", "blob", query.blob);
  only("sha256 = $sha256", "sha256", query.sha256);
  only("state = $state", "state", query.state);
  const isForeign = collection === "uploads" ? (query.sha256 ?? query.blob) : query.state;
  if (isForeign !== undefined)
    return { sql: `SELECT * FROM ${collection} WHERE $limit < 0`, values: { limit: 0 } };
  if (query.after !== undefined) {
    const { sequence, name } = readCursor(query.after, order);
    only(
      order === "name" ? "(name, sequence) > ($name, $sequence)" : "sequence < $sequence",
      "sequence",
      sequence,
    );
    if (order === "name") values.name = name;
  }
  const where = conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : "";
  const by = order === "name" ? "name, sequence" : "sequence DESC";
  const sql = `SELECT * FROM ${collection} ${where} ORDER BY ${by} LIMIT $limit`;
  return { sql, values };
}

function parse<C extends keyof Collections>(row: Row): Collections[C] {
  const { sequence: _, document, expires_at: expiresAt, ...columns } = row;
  return { ...JSON.parse(document), ...columns, expiresAt } as Collections[C];
}

function writeCursor(order: string, row: Row): string {
  return Buffer.from(JSON.stringify([order, row.sequence, order === "name" ? row.name : ""])).toString(
    "base64url",
  );
}

function readCursor(text: string, order: string): { sequence: number; name: string } {
  try {
    const [cursorOrder, sequence, name] = JSON.parse(Buffer.from(text, "base64url").toString());
    if (cursorOrder === order && Number.isSafeInteger(sequence) && typeof name === "string") {
      return { sequence, name };
    }
  } catch (cause) {
    throw foreign(text, cause);
  }
  throw foreign(text);
}

function foreign(text: string, cause?: unknown): Fault {
  return new Fault("invalid", `${JSON.stringify(text.slice(0, 80))} is not a cursor of this list`, { cause });
}

function changed(id: string): Fault {
  return new Fault("conflict", `${id} was changed by somebody else meanwhile`);
}
