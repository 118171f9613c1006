// Staging of small uploads: in memory and a journal (see arrivals.ts), or as rows of their own, one for each write.

import type { BlobId, ByteRange } from "../../ports/blobs.ts";
import type { StagedWrite, Staging, StagingId, StagingWrite } from "../../ports/staging.ts";
import { abortable } from "../../wire/abortable.ts";
import { Fault } from "../../wire/faults.ts";
import { type Piece, piecesOf } from "./arrivals.ts";
import { blobSize, insertBlob, SMALL_LIMIT, tooLarge } from "./blobs.ts";
import { newSmallId } from "./packed-ids.ts";
import type { RecordsDatabase } from "./records-database.ts";

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

  async write(
    id: StagingId,
    offset: number,
    source: AsyncIterable<Uint8Array> | Uint8Array,
    { signal }: StagingWrite = {},
  ): Promise<StagedWrite> {
    const { bytes, ...end } = await collect(source, SMALL_LIMIT - offset, signal);
    const { db, commits, arrivals } = this.#store;
    await commits.run(() => {
      if (arrivals?.changedPieces(id)) {
        if (bytes.length > 0) arrivals.write(id, offset, bytes);
        return;
      }
      if (bytes.length === 0) return this.#require(id);
      const sql = "INSERT INTO pieces (staged, start, bytes) SELECT id, ?, ? FROM staged WHERE id = ?";
      const { changes } = db.query<unknown, [number, Uint8Array, string]>(sql).run(offset, bytes, id);
      if (changes === 0) this.#require(id);
    });
    return { written: bytes.length, ...end };
  }

  async *read(id: StagingId, range: ByteRange): AsyncGenerator<Uint8Array> {
    const pieces = this.#pieces(id);
    if (range.end > range.start) yield assemble(pieces, range.end).subarray(range.start);
  }

  hashAhead(): void {
    // Rows are few bytes: their digest takes no time.
  }

  async digest(id: StagingId, size: number): Promise<string> {
    const pieces = this.#pieces(id);
    const found = pieces.reduce((end, { start, bytes }) => Math.max(end, start + bytes.length), 0);
    if (found < size) {
      throw new Fault("corrupt", `staged ${id} has ${found} bytes, but ${size} were written to it`);
    }
    return new Bun.CryptoHasher("sha256").update(assemble(pieces, size)).digest("hex");
  }

  async commit(id: StagingId, size: number): Promise<BlobId> {
    const { db, commits, arrivals } = this.#store;
    await commits.run(() => {
      const arrived = arrivals?.changedPieces(id);
      if (arrivals && arrived) {
        insertBlob(this.#store, id, assemble(piecesOf(arrived), size));
        arrivals.discard(id);
        return;
      }
      if (db.query("DELETE FROM staged WHERE id = ?").run(id).changes === 0) {
        // A crash, or another node, may have come between this step and the caller's next one.
        if (blobSize(this.#store, id) === size) return;
        throw unknown(id);
      }
      const sql = "DELETE FROM pieces WHERE staged = ? RETURNING sequence, start, bytes";
      const pieces = db.query<Piece & { sequence: number }, [string]>(sql).all(id);
      insertBlob(
        this.#store,
        id,
        assemble(
          pieces.sort((a, b) => a.sequence - b.sequence),
          size,
        ),
      );
    });
    return id;
  }

  async discard(id: StagingId): Promise<void> {
    await this.#store.commits.run(() => this.#forget(id));
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

  #pieces(id: StagingId): readonly Piece[] {
    const arrived = this.#store.arrivals?.pieces(id);
    if (arrived) return piecesOf(arrived);
    const sql = "SELECT start, bytes FROM pieces WHERE staged = ? ORDER BY sequence";
    const pieces = this.#store.read(() => this.#store.db.query<Piece, [string]>(sql).all(id));
    if (pieces.length === 0) this.#require(id);
    return pieces;
  }

  #require(id: StagingId): void {
    const { db, arrivals } = this.#store;
    if (arrivals?.changedPieces(id)) return;
    if (this.#store.read(() => db.query("SELECT 1 FROM staged WHERE id = ?").get(id))) return;
    throw unknown(id);
  }

  #forget(id: StagingId): void {
    const { arrivals } = this.#store;
    if (arrivals?.changedPieces(id)) {
      arrivals.discard(id);
      return;
    }
    this.#store.db.query("DELETE FROM pieces WHERE staged = ?").run(id);
    this.#store.db.query("DELETE FROM staged WHERE id = ?").run(id);
  }
}

/** The first `size` bytes. Where pieces overlap the later one counts: it replaces what a crash left. */
function assemble(pieces: readonly Piece[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (const piece of pieces) {
    if (piece.start < size) bytes.set(piece.bytes.subarray(0, size - piece.start), piece.start);
  }
  return bytes;
}

function unknown(id: StagingId): Fault {
  return new Fault("not-found", `nothing is staged under ${id}`);
}

async function collect(
  source: AsyncIterable<Uint8Array> | Uint8Array,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<{ bytes: Uint8Array; interrupted?: unknown }> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const take = (piece: Uint8Array) => {
    size += piece.length;
    if (size > limit) throw tooLarge();
    pieces.push(piece);
  };
  if (source instanceof Uint8Array) {
    take(source);
    return { bytes: source };
  }
  try {
    for await (const piece of abortable(source, signal)) take(piece);
  } catch (interrupted) {
    if (size > limit) throw interrupted;
    return { bytes: Buffer.concat(pieces), interrupted };
  }
  return { bytes: Buffer.concat(pieces) };
}
