// Small blobs as rows of SQLite: some hundred bytes do not deserve a file of their own.

import type {
  BlobId,
  BlobStat,
  Blobs,
  ByteRange,
  Content,
  LocalFile,
  WrittenBlob,
} from "../../../ports/blobs.ts";
import { abortable } from "../../../wire/abortable.ts";
import { Fault } from "../../../wire/faults.ts";
import type { RecordsDatabase } from "./database.ts";
import { packId, unpackId } from "./packed-ids.ts";

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
    const row = this.#read(id);
    if (!row) throw new Fault("not-found", `there is no blob ${id}`);
    const { start, end } = range ?? { start: 0, end: row.bytes.length };
    if (start < 0 || start > end || end > row.bytes.length) {
      throw new Fault("range", `bytes ${start} to ${end} lie outside the ${row.bytes.length} bytes of ${id}`);
    }
    return new Blob([row.bytes.subarray(start, end)]);
  }

  async stat(id: BlobId): Promise<BlobStat | undefined> {
    const size = blobSize(this.#store, id);
    return size === undefined ? undefined : { id, size };
  }

  async remove(id: BlobId): Promise<void> {
    const { db, commits } = this.#store;
    await commits.run(() => db.query("DELETE FROM blobs WHERE id = ?").run(packId(id)));
  }

  async *list(): AsyncGenerator<BlobStat> {
    // By pages, so that no statement stays open while the caller works.
    const sql =
      "SELECT sequence, id, length(bytes) size FROM blobs WHERE sequence > ? ORDER BY sequence LIMIT 1000";
    for (let after = 0; ; ) {
      const page = this.#store.db.query<StatRow, [number]>(sql).all(after);
      for (const { id, size } of page) yield { id: unpackId(id), size };
      const last = page.at(-1);
      if (!last) return;
      after = last.sequence;
    }
  }

  async localFile(): Promise<LocalFile | undefined> {
    return undefined;
  }

  #read(id: BlobId): { readonly bytes: Uint8Array<ArrayBuffer> } | null {
    const { db } = this.#store;
    const sql = "SELECT bytes FROM blobs WHERE id = ?";
    return this.#store.read(() =>
      db.query<{ bytes: Uint8Array<ArrayBuffer> }, [string | Uint8Array]>(sql).get(packId(id)),
    );
  }
}

interface StatRow {
  readonly sequence: number;
  readonly id: string | Uint8Array;
  readonly size: number;
}

/** Undefined when there is no such blob. */
export function blobSize(store: RecordsDatabase, id: BlobId): number | undefined {
  const sql = "SELECT length(bytes) size FROM blobs WHERE id = ?";
  return store.read(() => store.db.query<{ size: number }, [string | Uint8Array]>(sql).get(packId(id))?.size);
}

/** Inserts one blob; to be called inside a transaction. Fault `exists` if the id is taken. */
export function insertBlob({ db }: RecordsDatabase, id: BlobId, bytes: Uint8Array): void {
  const sql = "INSERT INTO blobs (id, bytes) VALUES (?, ?) ON CONFLICT (id) DO NOTHING";
  const { changes } = db.query<unknown, [string | Uint8Array, Uint8Array]>(sql).run(packId(id), bytes);
  if (changes === 0) throw new Fault("exists", `the blob ${id} exists already`);
}

/** The fault of bytes that do not fit into a row. */
export function tooLarge(): Fault {
  return new Fault("too-large", `small blobs hold at most ${SMALL_LIMIT} bytes`);
}
