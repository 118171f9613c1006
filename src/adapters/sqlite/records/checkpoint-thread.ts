// The thread that copies the write-ahead log of records into their database, so that no request waits for its fsyncs.

import { Database } from "bun:sqlite";

/** The database's path, to copy what is committed; `close` before the thread ends. Each is answered when it is done, or has failed. */
export type CheckpointRequest = { readonly path: string } | "close";

declare const self: Worker;

let db: Database | undefined;

if (!Bun.isMainThread) {
  self.onmessage = ({ data }: MessageEvent<CheckpointRequest>) => {
    try {
      answer(data);
    } catch {
      // As with SQLite's own: the log grows, and it is tried again when the next is due. Of a full disk the commits tell.
    }
    self.postMessage(undefined);
  };
}

function answer(request: CheckpointRequest): void {
  if (request === "close") {
    db?.close();
    db = undefined;
    return;
  }
  db ??= new Database(request.path, { readwrite: true, create: false });
  db.run("PRAGMA wal_checkpoint(PASSIVE)");
}
