// Small blobs as rows of SQLite: some hundred bytes do not deserve a file of their own.

import type {
  BlobId,
  BlobStat,
  Blobs,
  ByteRange,
  Content,
  LocalFile,
  WrittenBlob,
} from "../../ports/blobs.ts";
import { abortable } from "../../wire/abortable.ts";
import { Fault } from "../../wire/faults.ts";
import { explain } from "./database.ts";
import type { RecordsDatabase } from "./records-database.ts";

/** The most bytes that one row takes; larger ones belong on disk. */
export const SMALL_LIMIT = 65_536;

export class SqliteBlobs implements Blobs {
  readonly #store: RecordsDatabase;

  constructor(store: RecordsDatabase) {
    this.#store = store;
  }

  async put(
    id: BlobId,
    source: AsyncIterable<Uint8Array>,
    options: { readonly size?: number; readonly signal?: AbortSignal } = {},
  ): Promise<WrittenBlob> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of abortable(source, options.signal)) {
      size += piece.length;
      if (size > SMALL_LIMIT) throw tooLarge();
      pieces.push(Uint8Array.from(piece));
    }
    const bytes = Buffer.concat(pieces, size);
    await this.#store.commits.run(() => insertBlob(this.#store, id, bytes));
    return { id, size, sha256: Bun.SHA256.hash(bytes, "hex") };
  }

  async open(id: BlobId, range?: ByteRange): Promise<Content> {
    const row = this.#query<{ bytes: Uint8Array<ArrayBuffer> }>("SELECT bytes FROM blobs WHERE id = ?", id);
    if (!row) throw new Fault("not-found", `there is no blob ${id}`);
    const { start, end } = range ?? { start: 0, end: row.bytes.length };
    if (start < 0 || start > end || end > row.bytes.length) {
      throw new Fault("range", `bytes ${start} to ${end} lie outside the ${row.bytes.length} bytes of ${id}`);
    }
    return new Blob([row.bytes.subarray(start, end)]);
  }

  async stat(id: BlobId): Promise<BlobStat | undefined> {
    return this.#query<BlobStat>("SELECT id, size FROM blobs WHERE id = ?", id) ?? undefined;
  }

  async remove(id: BlobId): Promise<void> {
    await this.#store.commits.run(() => this.#store.db.query("DELETE FROM blobs WHERE id = ?").run(id));
  }

  async *list(): AsyncGenerator<BlobStat> {
    // By pages, so that no statement stays open while the caller works.
    for (let after = ""; ; ) {
      const sql = "SELECT id, size FROM blobs WHERE id > ? ORDER BY id LIMIT 1000";
      const page = this.#store.db.query<BlobStat, [string]>(sql).all(after);
      yield* page;
      const last = page.at(-1);
      if (!last) return;
      after = last.id;
    }
  }

  async localFile(): Promise<LocalFile | undefined> {
    return undefined;
  }

  #query<T>(sql: string, id: BlobId): T | null {
    try {
      return this.#store.db.query<T, [string]>(sql).get(id);
    } catch (error) {
      throw explain(error, this.#store.path);
    }
  }
}

/** Inserts one blob; to be called inside a transaction. Fault `exists` if the id is taken. */
export function insertBlob({ db }: RecordsDatabase, id: BlobId, bytes: Uint8Array): void {
  const sql = "INSERT INTO blobs (id, size, bytes) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING";
  const { changes } = db.query<unknown, [string, number, Uint8Array]>(sql).run(id, bytes.length, bytes);
  if (changes === 0) throw new Fault("exists", `the blob ${id} exists already`);
}

/** The fault of bytes that do not fit into a row. */
export function tooLarge(): Fault {
  return new Fault("too-large", `small blobs hold at most ${SMALL_LIMIT} bytes`);
}
