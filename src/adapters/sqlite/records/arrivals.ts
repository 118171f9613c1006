// Small uploads while they arrive: in memory, and durable by a journal of one row a transaction.
//
// Written for speed: as rows of their own, an image's registration, its three chunks and its ledger were nine changes of six
// trees, 250 µs. Now a turn of the event loop appends what all its requests brought as one row (see docs/decisions/0015), and
// an upload that is complete goes from here into the tables of files and blobs. The journal is part of the database and of
// its transactions, so whatever else a transaction changes, it is there with it or not at all.

import type { Database } from "bun:sqlite";
import type { UploadRecord } from "../../../ports/records.ts";
import type { StagingId } from "../../../ports/staging.ts";
import type { Participant } from "../group-commit.ts";
import { type ArrivalEntry, entryOfChange, replay } from "./arrival-entries.ts";
import { INSERT_UPLOAD, uploadValues } from "./upload-rows.ts";

export interface Piece {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** The first `length` of `list`, which others append to: what a transaction that failed had appended stands behind. */
export interface Pieces {
  readonly list: Piece[];
  readonly length: number;
}

const NO_PIECES: Pieces = { list: [], length: 0 };

/** The journal is written anew when it has grown by so many bytes; */
const JOURNAL_BYTES = 1_048_576;
/** what still arrives then stays in memory up to this, the rest becomes rows of the tables. */
const KEPT_BYTES = 524_288;
/** What a record, and a piece beside its bytes, take, about. */
const RECORD_BYTES = 1_024;
const PIECE_BYTES = 128;

/** In the order they were written. */
export function piecesOf({ list, length }: Pieces): readonly Piece[] {
  return list.length === length ? list : list.slice(0, length);
}

/**
 * Changes belong to the transaction under way, and are to be asked for in the works of its group only; until it is
 * committed, `upload` and `pieces` give what was before.
 */
export class Arrivals implements Participant {
  readonly #db: Database;
  readonly #uploads = new Map<string, UploadRecord>();
  readonly #staged = new Map<StagingId, Pieces>();
  /** Changes of the transaction under way; undefined: gone. */
  readonly #changedUploads = new Map<string, UploadRecord | undefined>();
  readonly #changedStaged = new Map<StagingId, Pieces | undefined>();
  #entries: ArrivalEntry[] = [];
  #bytes: Uint8Array[] = [];
  #isSpilled = false;
  #journalBytes = 0;
  #nextJournalBytes = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  upload(id: string): UploadRecord | undefined {
    return this.#uploads.get(id);
  }

  pieces(id: StagingId): Pieces | undefined {
    return this.#staged.get(id);
  }

  get size(): number {
    return this.#uploads.size + this.#staged.size;
  }

  /** As it is within the transaction. */
  changedUpload(id: string): UploadRecord | undefined {
    return this.#changedUploads.has(id) ? this.#changedUploads.get(id) : this.#uploads.get(id);
  }

  /** As they are within the transaction. */
  changedPieces(id: StagingId): Pieces | undefined {
    return this.#changedStaged.has(id) ? this.#changedStaged.get(id) : this.#staged.get(id);
  }

  putUpload(record: UploadRecord): void {
    this.#entries.push(entryOfChange(this.changedUpload(record.id), record));
    this.#changedUploads.set(record.id, record);
  }

  removeUpload(id: string): void {
    this.#entries.push(["forget", id]);
    this.#changedUploads.set(id, undefined);
  }

  create(id: StagingId): void {
    this.#entries.push(["create", id]);
    this.#changedStaged.set(id, NO_PIECES);
  }

  write(id: StagingId, start: number, bytes: Uint8Array): void {
    this.#entries.push(["piece", id, start, bytes.length]);
    this.#bytes.push(bytes);
    const { list, length } = this.changedPieces(id) ?? NO_PIECES;
    const appended = length === 0 ? [] : list;
    appended.length = length;
    // A view of a large buffer would keep all of that in memory; to look whether it is one takes longer than to copy.
    appended.push({ start, bytes: new Uint8Array(bytes) });
    this.#changedStaged.set(id, { list: appended, length: length + 1 });
  }

  discard(id: StagingId): void {
    this.#entries.push(["discard", id]);
    this.#changedStaged.set(id, undefined);
  }

  /** Everything becomes rows of the tables, where lists and sweepers find it. */
  spill(): void {
    for (const id of this.#all(this.#uploads, this.#changedUploads)) this.#spillUpload(id);
    for (const id of this.#all(this.#staged, this.#changedStaged)) this.#spillStaged(id);
    this.#isSpilled = true;
  }

  /** What a crash left in the journal becomes rows of the tables. */
  recover(): void {
    const sql = "SELECT entries, bytes FROM arrivals ORDER BY sequence";
    this.begin();
    for (const row of this.#db.query<{ entries: string; bytes: Uint8Array }, []>(sql).iterate())
      replay(row, this);
    this.spill();
    this.#truncate();
    this.committed();
  }

  begin(): void {
    this.#changedUploads.clear();
    this.#changedStaged.clear();
    this.#entries = [];
    this.#bytes = [];
    this.#isSpilled = false;
    this.#nextJournalBytes = this.#journalBytes;
  }

  prepare(): void {
    if (this.#isSpilled) this.#rewrite();
    else if (this.#entries.length > 0) {
      this.#append();
      if (this.#nextJournalBytes > JOURNAL_BYTES) this.#rewrite();
    }
  }

  committed(): void {
    publish(this.#changedUploads, this.#uploads);
    publish(this.#changedStaged, this.#staged);
    this.#journalBytes = this.#nextJournalBytes;
  }

  #append(): void {
    const entries = JSON.stringify(this.#entries);
    const bytes = Buffer.concat(this.#bytes);
    this.#db.query("INSERT INTO arrivals (entries, bytes) VALUES (?, ?)").run(entries, bytes);
    this.#nextJournalBytes += entries.length + bytes.length;
  }

  /** The journal begins anew with what still arrives; the oldest are spilled when that is much. */
  #rewrite(): void {
    const uploads = this.#all(this.#uploads, this.#changedUploads);
    const staged = this.#all(this.#staged, this.#changedStaged);
    let kept = uploads.length * RECORD_BYTES;
    for (const id of staged) kept += bytesOf(this.changedPieces(id));
    const stays: ArrivalEntry[] = [];
    const bytesOfStaying: Uint8Array[] = [];
    for (const id of uploads) {
      const record = this.changedUpload(id) as UploadRecord;
      if (kept > KEPT_BYTES) {
        kept -= RECORD_BYTES + bytesOf(this.changedPieces(record.staging));
        this.#spillUpload(id);
        this.#spillStaged(record.staging);
      } else stays.push(["upload", record]);
    }
    for (const id of staged) {
      const pieces = this.changedPieces(id);
      if (!pieces) continue;
      if (kept > KEPT_BYTES) {
        kept -= bytesOf(pieces);
        this.#spillStaged(id);
        continue;
      }
      stays.push(["create", id]);
      for (const { start, bytes } of piecesOf(pieces)) {
        stays.push(["piece", id, start, bytes.length]);
        bytesOfStaying.push(bytes);
      }
    }
    this.#truncate();
    this.#entries = stays;
    this.#bytes = bytesOfStaying;
    if (stays.length > 0) this.#append();
  }

  #truncate(): void {
    this.#db.run("DELETE FROM arrivals");
    this.#entries = [];
    this.#bytes = [];
    this.#nextJournalBytes = 0;
  }

  #spillUpload(id: string): void {
    const record = this.changedUpload(id);
    if (!record) return;
    this.#db.query<unknown, (string | number | null)[]>(INSERT_UPLOAD).run(...uploadValues(record));
    this.removeUpload(id);
  }

  #spillStaged(id: StagingId): void {
    const pieces = this.changedPieces(id);
    if (!pieces) return;
    this.#db.query("INSERT INTO staged (id) VALUES (?)").run(id);
    const insert = this.#db.query("INSERT INTO pieces (staged, start, bytes) VALUES (?, ?, ?)");
    for (const { start, bytes } of piecesOf(pieces)) insert.run(id, start, bytes);
    this.discard(id);
  }

  #all<T>(known: Map<string, T>, changed: Map<string, T | undefined>): string[] {
    const ids = [...known.keys()].filter((id) => !changed.has(id) || changed.get(id) !== undefined);
    for (const [id, value] of changed) if (value !== undefined && !known.has(id)) ids.push(id);
    return ids;
  }
}

function publish<T>(changed: Map<string, T | undefined>, into: Map<string, T>): void {
  for (const [id, value] of changed) {
    if (value === undefined) into.delete(id);
    else into.set(id, value);
  }
  changed.clear();
}

function bytesOf(pieces: Pieces | undefined): number {
  let sum = 0;
  if (pieces) for (const { bytes } of piecesOf(pieces)) sum += bytes.length + PIECE_BYTES;
  return sum;
}
