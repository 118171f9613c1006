// The bytes of large values one piece after the other: out of their files, or out of the table that a backup keeps them in.

import type { Database } from "bun:sqlite";
import { closeSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { Fault } from "../../../wire/faults.ts";
import type { ValueFile } from "./value-file.ts";

const PIECE = 1_048_576;

/** Of all items with large values; `id`: of the row. */
export interface SpooledRow {
  readonly id: number;
  readonly value: Uint8Array;
}

const PAGE = 100;

/** In no order that means anything; a server may change them meanwhile. */
export function* spooledRows(db: Database): Generator<SpooledRow> {
  const page = db.query<SpooledRow, [number, number]>(
    "SELECT id, value FROM items WHERE state >= 256 AND id > ? ORDER BY id LIMIT ?",
  );
  let last = 0;
  for (;;) {
    const rows = page.all(last, PAGE);
    yield* rows;
    if (rows.length < PAGE) return;
    last = rows.at(-1)?.id ?? 0;
  }
}

/** A backup is one file: the bytes of large values stand in a table of it. */
export function hasPieces(db: Database): boolean {
  return db.query("SELECT 1 FROM sqlite_schema WHERE name = 'value_pieces'").get() !== null;
}

export function createPieces(db: Database): void {
  db.run(
    "CREATE TABLE value_pieces (id INTEGER PRIMARY KEY, name TEXT NOT NULL, bytes BLOB NOT NULL) STRICT",
  );
}

export function indexPieces(db: Database): void {
  db.run("CREATE INDEX value_pieces_by_name ON value_pieces (name, id)");
}

export function addPieces(db: Database, name: string, pieces: Iterable<Uint8Array>): void {
  const add = db.query<null, [string, Uint8Array]>("INSERT INTO value_pieces (name, bytes) VALUES (?, ?)");
  for (const piece of pieces) add.run(name, piece);
}

export function* piecesOf(db: Database, name: string): Generator<Uint8Array> {
  const next = db.query<{ id: number; bytes: Uint8Array }, [string, number]>(
    "SELECT id, bytes FROM value_pieces WHERE name = ? AND id > ? ORDER BY id LIMIT 1",
  );
  for (let row = next.get(name, 0); row; row = next.get(name, row.id)) yield row.bytes;
}

/** Each piece is valid until the next. */
export function* piecesOfFile(path: string): Generator<Uint8Array> {
  const fd = openSync(path, "r");
  try {
    const buffer = new Uint8Array(PIECE);
    for (let at = 0; ; ) {
      const read = readSync(fd, buffer, 0, PIECE, at);
      if (read === 0) return;
      at += read;
      yield buffer.subarray(0, read);
    }
  } finally {
    closeSync(fd);
  }
}

/** The same pieces. Fault `corrupt` at their end when they are not what was stored. */
export function* checked(file: ValueFile, pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  let length = 0;
  let crc = 0;
  for (const piece of pieces) {
    length += piece.length;
    crc = Bun.hash.crc32(piece, crc);
    yield piece;
  }
  if (length === file.length && crc === file.crc) return;
  throw new Fault(
    "corrupt",
    `the large value ${file.name} is damaged: ${length} bytes of ${file.length}${length === file.length ? ", and not those that were stored" : ""}`,
    { hint: "Restore a backup with 'cairn restore'." },
  );
}

/** Durable when it returns, but for its name. */
export function writePieces(path: string, pieces: Iterable<Uint8Array>): void {
  const fd = openSync(path, "wx");
  try {
    for (const piece of pieces) {
      for (let written = 0; written < piece.length; ) written += writeSync(fd, piece, written);
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
