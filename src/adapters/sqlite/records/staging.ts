// Staging of small uploads: in memory and a journal (see arrivals.ts), or as rows of their own, one for each write.

import type { BlobId, ByteRange } from "../../../ports/blobs.ts";
import type { StagedBytes, StagedWrite, Staging, StagingId, StagingWrite } from "../../../ports/staging.ts";
import { abortable } from "../../../wire/abortable.ts";
import { Fault } from "../../../wire/faults.ts";
import { type Piece, piecesOf } from "./arrivals.ts";
import { blobSize, insertBlob, SMALL_LIMIT, tooLarge } from "./blobs.ts";
import type { RecordsDatabase } from "./database.ts";
import { newSmallId } from "./packed-ids.ts";

export class SqliteStaging implements Staging {
  readonly #store: RecordsDatabase;

  constructor(store: RecordsDatabase) {
    this.#store = store;
  }

  async create(): Promise<StagingId> {
    const id = newSmallId();
    const { db, commits, arrivals } = this.#store;
    const create = () => {
      if (arrivals) arrivals.create(id);
      else db.query("INSERT INTO staged (id) VALUES (?)").run(id);
    };
    // Not awaited: it shares the transaction with the upload's record. Should it fail alone, the first write tells.
    commits.run(create).catch(() => undefined);
    return id;
  }

  joinsRecords(): boolean {
    return true;
  }

  write(
    id: StagingId,
    offset: number,
    source: AsyncIterable<Uint8Array> | Uint8Array,
    { signal }: StagingWrite = {},
  ): Promise<StagedWrite> {
    if (!(source instanceof Uint8Array)) return this.#writeStream(id, offset, source, signal);
    if (offset + source.length > SMALL_LIMIT) return Promise.reject(tooLarge());
    return this.#writeBytes(id, offset, source);
  }

  async *read(id: StagingId, range: ByteRange): AsyncGenerator<Uint8Array> {
    const pieces = this.#pieces(id);
    if (range.end > range.start) yield assemble(pieces, range.end).subarray(range.start);
  }

  hashAhead(): void {
    // Rows are few bytes: their digest takes no time.
  }

  async digest(id: StagingId, size: number, last?: StagedBytes): Promise<string> {
    const written = this.#pieces(id);
    const pieces = last ? [...written, last] : written;
    const found = pieces.reduce((end, { start, bytes }) => Math.max(end, start + bytes.length), 0);
    if (found < size) {
      throw new Fault("corrupt", `staged ${id} has ${found} bytes, but ${size} were written to it`);
    }
    return Bun.SHA256.hash(assemble(pieces, size), "hex");
  }

  async commit(id: StagingId, size: number): Promise<BlobId> {
    await this.#store.commits.run(() => {
      insertStaged(this.#store, id, size);
      forgetStaged(this.#store, id);
    });
    return id;
  }

  async discard(id: StagingId): Promise<void> {
    await this.#store.commits.run(() => forgetStaged(this.#store, id));
  }

  async *list(): AsyncGenerator<StagingId> {
    await this.#store.spill();
    for (let after = ""; ; ) {
      const sql = "SELECT id FROM staged WHERE id > ? ORDER BY id LIMIT 1000";
      const page = this.#store.db.query<{ id: string }, [string]>(sql).all(after);
      for (const { id } of page) yield id;
      const last = page.at(-1);
      if (!last) return;
      after = last.id;
    }
  }

  async #writeStream(
    id: StagingId,
    offset: number,
    source: AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): Promise<StagedWrite> {
    const { bytes, ...end } = await collect(source, SMALL_LIMIT - offset, signal);
    return { ...(await this.#writeBytes(id, offset, bytes)), ...end };
  }

  #writeBytes(id: StagingId, offset: number, bytes: Uint8Array): Promise<StagedWrite> {
    return this.#store.commits.run(() => {
      requireStaged(this.#store, id);
      writeStaged(this.#store, id, { start: offset, bytes });
      return { written: bytes.length };
    });
  }

  #pieces(id: StagingId): readonly Piece[] {
    const arrived = this.#store.arrivals?.pieces(id);
    if (arrived) return piecesOf(arrived);
    const pieces = storedPieces(this.#store, id);
    if (pieces.length === 0) requireStaged(this.#store, id);
    return pieces;
  }
}

/** Fault `not-found` unless something can be staged as `id`; to be called inside a transaction, before anything is changed. */
export function requireStaged(store: RecordsDatabase, id: StagingId): void {
  if (!store.arrivals?.changedPieces(id) && !isStored(store, id)) throw unknown(id);
}

/** To be called inside a transaction, behind `requireStaged`. */
export function writeStaged(
  { db, arrivals }: RecordsDatabase,
  id: StagingId,
  { start, bytes }: StagedBytes,
): void {
  if (bytes.length === 0) return;
  if (arrivals?.changedPieces(id)) arrivals.write(id, start, bytes);
  else db.query("INSERT INTO pieces (staged, start, bytes) VALUES (?, ?, ?)").run(id, start, bytes);
}

/**
 * Makes what is staged as `id`, with `last` in its place, the blob of that name; to be called inside a transaction, with
 * `forgetStaged` when nothing can fail any more: what memory has is not rolled back. Faults `not-found`, `exists`.
 */
export function insertStaged(store: RecordsDatabase, id: StagingId, size: number, last?: Piece): void {
  const arrived = store.arrivals?.changedPieces(id);
  if (!arrived && !isStored(store, id)) {
    // A crash, or another node, may have come between this step and the caller's next one.
    if (blobSize(store, id) === size) return;
    throw unknown(id);
  }
  const pieces = arrived ? piecesOf(arrived) : storedPieces(store, id);
  insertBlob(store, id, assemble(last ? [...pieces, last] : pieces, size));
}

/** To be called inside a transaction. */
export function forgetStaged({ db, arrivals }: RecordsDatabase, id: StagingId): void {
  if (arrivals?.changedPieces(id)) {
    arrivals.discard(id);
    return;
  }
  db.query("DELETE FROM pieces WHERE staged = ?").run(id);
  db.query("DELETE FROM staged WHERE id = ?").run(id);
}

function isStored(store: RecordsDatabase, id: StagingId): boolean {
  return store.read(() => store.db.query("SELECT 1 FROM staged WHERE id = ?").get(id)) !== null;
}

function storedPieces(store: RecordsDatabase, id: StagingId): readonly Piece[] {
  const sql = "SELECT start, bytes FROM pieces WHERE staged = ? ORDER BY sequence";
  return store.read(() => store.db.query<Piece, [string]>(sql).all(id));
}

/** The first `size` bytes. Where pieces overlap the later one counts: it replaces what a crash left. */
function assemble(pieces: readonly Piece[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (const { start, bytes: piece } of pieces) {
    // A view of it would take longer than the copy.
    if (start + piece.length <= size) bytes.set(piece, start);
    else if (start < size) bytes.set(piece.subarray(0, size - start), start);
  }
  return bytes;
}

function unknown(id: StagingId): Fault {
  return new Fault("not-found", `nothing is staged under ${id}`);
}

async function collect(
  source: AsyncIterable<Uint8Array>,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<{ bytes: Uint8Array; interrupted?: unknown }> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of abortable(source, signal)) {
      size += piece.length;
      if (size > limit) throw tooLarge();
      pieces.push(piece);
    }
  } catch (interrupted) {
    if (size > limit) throw interrupted;
    return { bytes: Buffer.concat(pieces), interrupted };
  }
  return { bytes: Buffer.concat(pieces) };
}
