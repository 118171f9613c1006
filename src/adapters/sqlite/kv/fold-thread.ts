// The thread that folds the journal into the items table, so that no get and no commit waits for it.

import type { Database } from "bun:sqlite";
import { closeSync, openSync } from "node:fs";
import type { Code } from "../../../wire/faults.ts";
import { explain, openDatabase } from "../database.ts";
import { Fold } from "./fold.ts";
import { readBytes } from "./records.ts";
import type { Far } from "./ring.ts";
import { KV_APPLICATION_ID, KV_MIGRATIONS, type Totals, usedBytes } from "./schema.ts";
import type { Changes } from "./unfolded.ts";

/** A file of the journal that stays as it is until the fold is over. */
export interface SegmentFile {
  readonly segment: number;
  readonly path: string;
}

export type FoldRequest =
  | { readonly kind: "open"; readonly path: string; readonly knownBytes: number }
  | { readonly kind: "fold"; readonly changes: Changes; readonly files: readonly SegmentFile[] }
  | { readonly kind: "sweep"; readonly now: number; readonly limit: number }
  | { readonly kind: "close" };

export type FoldAnswer =
  | {
      readonly kind: "done";
      readonly totals?: Totals;
      readonly removed: number;
      readonly usedBytes: number;
      /** Names of the files that no item has any more. */
      readonly unlisted: readonly string[];
    }
  | {
      readonly kind: "failed";
      readonly code: Code;
      readonly message: string;
      readonly hint: string | undefined;
    };

declare const self: Worker;

const PAGE_CACHE_KIB = 8_192;
const KEPT_WAL_BYTES = 67_108_864;

let path = "";
let db: Database | undefined;
let fold: Fold | undefined;

if (!Bun.isMainThread) {
  self.onmessage = ({ data }: MessageEvent<FoldRequest>) => {
    try {
      self.postMessage(answer(data));
    } catch (error) {
      const { code, message, hint } = explain(error, path);
      self.postMessage({ kind: "failed", code, message, hint } satisfies FoldAnswer);
    }
  };
}

function answer(request: FoldRequest): FoldAnswer {
  switch (request.kind) {
    case "open":
      open(request);
      return { kind: "done", removed: 0, usedBytes: 0, unlisted: [] };
    case "fold": {
      const folded = opened().apply(request.changes, valuesOf(request.files));
      // Half a million keys and rows of a fold, which a heap that nobody hurries would keep.
      Bun.gc(true);
      return { kind: "done", ...folded, removed: 0, usedBytes: usedBytes(db as Database) };
    }
    case "sweep": {
      const swept = opened().sweep(request.now, request.limit);
      return { kind: "done", ...swept, usedBytes: usedBytes(db as Database) };
    }
    case "close":
      db?.close();
      db = undefined;
      return { kind: "done", removed: 0, usedBytes: 0, unlisted: [] };
  }
}

/** What is folded leaves the journal: so the transaction is on the disk before, whatever the mode of the commits. */
function open(request: Extract<FoldRequest, { kind: "open" }>): void {
  path = request.path;
  db = openDatabase({ path, sync: "full", applicationId: KV_APPLICATION_ID, migrations: KV_MIGRATIONS });
  db.run(`PRAGMA cache_size = -${PAGE_CACHE_KIB}`);
  db.run(`PRAGMA journal_size_limit = ${KEPT_WAL_BYTES}`);
  fold = new Fold(db, request.knownBytes);
}

function valuesOf(files: readonly SegmentFile[]): Far {
  return (segment, offset, size) => {
    const fd = openSync(files.find((file) => file.segment === segment)?.path ?? "", "r");
    try {
      return readBytes(fd, offset, size);
    } finally {
      closeSync(fd);
    }
  };
}

function opened(): Fold {
  if (!fold) throw new Error("the fold was asked for before its database");
  return fold;
}
