// Records in SQLite: what a file and an upload are as rows is said in file-rows.ts and upload-rows.ts.

import type { NewNotice } from "../../../ports/outbox.ts";
import type {
  Collections,
  FileRecord,
  Page,
  PageQuery,
  Records,
  Totals,
  UploadEnd,
  UploadRecord,
} from "../../../ports/records.ts";
import type { StagedBytes } from "../../../ports/staging.ts";
import { Fault } from "../../../wire/faults.ts";
import type { RecordsDatabase } from "./database.ts";
import { type FileRow, fileOf, fileValues, INSERT_FILE, imageDigest, REPLACE_FILE } from "./file-rows.ts";
import { putNotice } from "./outbox.ts";
import { packDigest, packId } from "./packed-ids.ts";
import { planPage, type Values, writeCursor } from "./pages.ts";
import { forgetStaged, insertStaged, requireStaged, writeStaged } from "./staging.ts";
import {
  INSERT_UPLOAD,
  REPLACE_DOCUMENT,
  REPLACE_UPLOAD,
  type UploadRow,
  uploadOf,
  uploadValues,
} from "./upload-rows.ts";

type Row = FileRow | UploadRow;
type Bound = string | number | Uint8Array | null;

/**
 * Each of the two indexes over digests has one kind of files. Whichever comes first will do: asked for in an order, a look-up
 * takes 6 µs instead of 0.4.
 */
const IMAGE = "SELECT * FROM files WHERE sha256 = ?1 AND origin IS NULL LIMIT 1";
const ANY = `SELECT * FROM files WHERE sha256 = ?1 AND origin IS NOT NULL
  UNION ALL SELECT * FROM files WHERE sha256 = ?1 AND origin IS NULL LIMIT 1`;
const OF_ORIGIN = "SELECT * FROM files WHERE sha256 = ?1 AND origin IS NOT NULL AND origin = ?2 LIMIT 1";
const BY_ID = {
  files: "SELECT * FROM files WHERE id = ?",
  uploads: "SELECT * FROM uploads WHERE id = ?",
} as const;

export class SqliteRecords implements Records {
  readonly #store: RecordsDatabase;

  constructor(store: RecordsDatabase) {
    this.#store = store;
  }

  insert<C extends keyof Collections>(collection: C, record: Collections[C]): Promise<void> {
    return this.#store.commits.run(() => this.#insert(collection, record));
  }

  async insertSharing(record: FileRecord): Promise<void> {
    await this.#store.commits.run(() => {
      const blob = packId(record.blob);
      const sql = "SELECT 1 FROM files WHERE blob = ?1 OR (id = ?1 AND blob IS NULL) LIMIT 1";
      if (!this.#get(sql, blob)) throw new Fault("conflict", `no file has the blob ${record.blob}`);
      this.#insert("files", record);
    });
  }

  async get<C extends keyof Collections>(collection: C, id: string): Promise<Collections[C] | undefined> {
    const arriving = collection === "uploads" ? this.#store.arrivals?.upload(id) : undefined;
    if (arriving) return arriving as Collections[C];
    const row = this.#row(collection, id);
    return row && parse<C>(collection, row);
  }

  async twin(sha256: string, origin?: string): Promise<FileRecord | undefined> {
    const digest = packDigest(sha256);
    const isImage = origin !== undefined && imageDigest(origin) === sha256;
    let row: FileRow | undefined;
    if (origin === undefined) row = this.#get(ANY, digest);
    else row = isImage ? this.#get(IMAGE, digest) : this.#get(OF_ORIGIN, digest, origin);
    return row && fileOf(row);
  }

  replace<C extends keyof Collections>(
    collection: C,
    record: Collections[C],
    notice?: NewNotice,
    staged?: readonly StagedBytes[],
  ): Promise<Collections[C]> {
    const next: Collections[C] = { ...record, version: record.version + 1 };
    return this.#store.commits.run(() => {
      // A notice of a change that is refused below is rolled back with it; what memory has is not.
      if (notice) putNotice(this.#store.db, notice);
      if (staged) requireStaged(this.#store, (next as UploadRecord).staging);
      if (!this.#replace(collection, next)) throw this.#refusal(collection, record.id);
      if (staged) for (const piece of staged) writeStaged(this.#store, (next as UploadRecord).staging, piece);
      return next;
    });
  }

  finish(
    file: FileRecord,
    upload: UploadRecord,
    { forget, notice, commits }: UploadEnd = {},
  ): Promise<UploadRecord> {
    const next = { ...upload, version: upload.version + 1 };
    return this.#store.commits.run(() => {
      if (notice) putNotice(this.#store.db, notice);
      if (commits) insertStaged(this.#store, file.blob, file.size, commits.last);
      this.#insert("files", file);
      if (!(forget ? this.#forget(upload) : this.#replace("uploads", next)))
        throw this.#refusal("uploads", upload.id);
      if (commits) forgetStaged(this.#store, file.blob);
      return next;
    });
  }

  async remove<C extends keyof Collections>(collection: C, id: string, version: number): Promise<void> {
    await this.#store.commits.run(() => {
      if (collection === "uploads" && this.#forget({ id, version })) return;
      const fault = this.#refusal(collection, id, version);
      if (fault.code === "conflict") throw fault;
      this.#run(`DELETE FROM ${collection} WHERE id = ?`, keyOf(collection, id));
    });
  }

  async totals(): Promise<Totals> {
    const row = this.#get<Totals>("SELECT files, bytes FROM totals");
    return { files: row?.files ?? 0, bytes: row?.bytes ?? 0 };
  }

  async page<C extends keyof Collections>(collection: C, query: PageQuery): Promise<Page<Collections[C]>> {
    if (collection === "uploads") await this.#store.spill();
    const { sql, values } = planPage(collection, query);
    const rows = this.#store.read(() => this.#store.db.query<Row, Values>(sql).all(values));
    const records = rows.slice(0, query.limit).map((row) => parse<C>(collection, row));
    const [last, name] = [rows[query.limit - 1], records.at(-1)?.name];
    const hasMore = rows.length > query.limit && last !== undefined && name !== undefined;
    return { records, next: hasMore ? writeCursor(query.order ?? "newest", last.sequence, name) : null };
  }

  async expired<C extends keyof Collections>(
    collection: C,
    at: number,
    limit: number,
  ): Promise<readonly Collections[C][]> {
    if (collection === "uploads") await this.#store.spill();
    const sql = `SELECT * FROM ${collection} WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`;
    const rows = this.#store.read(() => this.#store.db.query<Row, [number, number]>(sql).all(at, limit));
    return rows.map((row) => parse<C>(collection, row));
  }

  #insert(collection: keyof Collections, record: UploadRecord | FileRecord): void {
    const isNew =
      collection === "files"
        ? this.#run(INSERT_FILE, ...fileValues(record as FileRecord))
        : this.#insertUpload(record as UploadRecord);
    if (!isNew) throw new Fault("exists", `${record.id} exists already`);
  }

  /** An upload arrives where its bytes do. */
  #insertUpload(upload: UploadRecord): boolean {
    const { arrivals } = this.#store;
    if (arrivals?.changedUpload(upload.id)) return false;
    if (!arrivals?.changedPieces(upload.staging) || upload.state !== "arriving") {
      return this.#run(INSERT_UPLOAD, ...uploadValues(upload));
    }
    if (this.#row("uploads", upload.id)) return false;
    arrivals.putUpload(upload);
    return true;
  }

  /** False when there is none with the version before. */
  #replace(collection: keyof Collections, next: UploadRecord | FileRecord): boolean {
    if (collection === "files") {
      return this.#run(REPLACE_FILE, ...fileValues(next as FileRecord), packId(next.id), next.version - 1);
    }
    const upload = next as UploadRecord;
    const { arrivals } = this.#store;
    const arriving = arrivals?.changedUpload(next.id);
    if (arrivals && arriving) {
      if (arriving.version !== next.version - 1) return false;
      if (upload.state === "arriving") arrivals.putUpload(upload);
      else {
        arrivals.removeUpload(next.id);
        this.#run(INSERT_UPLOAD, ...uploadValues(upload));
      }
      return true;
    }
    const values = uploadValues(upload);
    return this.#run(REPLACE_DOCUMENT, ...values) || this.#run(REPLACE_UPLOAD, ...values);
  }

  /** False when there is none with this version. */
  #forget({ id, version }: Pick<UploadRecord, "id" | "version">): boolean {
    const { arrivals } = this.#store;
    const arriving = arrivals?.changedUpload(id);
    if (!arrivals || !arriving)
      return this.#run("DELETE FROM uploads WHERE id = ? AND version = ?", id, version);
    if (arriving.version !== version) return false;
    arrivals.removeUpload(id);
    return true;
  }

  /** Why a record could not be changed: it is not there, or not in this version any more. */
  #refusal(collection: keyof Collections, id: string, version?: number): Fault {
    const arriving = collection === "uploads" ? this.#store.arrivals?.changedUpload(id) : undefined;
    const known = arriving ?? this.#row(collection, id);
    if (!known || known.version === version) return new Fault("not-found", `there is no ${id}`);
    return new Fault("conflict", `${id} was changed by somebody else meanwhile`);
  }

  #row(collection: keyof Collections, id: string): Row | undefined {
    return this.#get<Row>(BY_ID[collection], keyOf(collection, id));
  }

  #run(sql: string, ...values: Bound[]): boolean {
    return this.#store.db.query<unknown, Bound[]>(sql).run(...values).changes > 0;
  }

  #get<T>(sql: string, ...values: Bound[]): T | undefined {
    return this.#store.read(() => this.#store.db.query<T, Bound[]>(sql).get(...values)) ?? undefined;
  }
}

function keyOf(collection: keyof Collections, id: string): string | Uint8Array {
  return collection === "files" ? packId(id) : id;
}

function parse<C extends keyof Collections>(collection: C, row: Row): Collections[C] {
  return (collection === "files" ? fileOf(row as FileRow) : uploadOf(row as UploadRow)) as Collections[C];
}
