// The transfers and merges that this page has started: they go on while the reader looks at another section.

import { useSyncExternalStore } from "react";
import { download, upload } from "../client/http/browser.ts";
import type { FileEntry } from "../wire/api.ts";
import { Fault, toFault } from "../wire/faults.ts";
import { ROUTES } from "../wire/routes.ts";
import { postJson } from "./requests.ts";
import { uploadFile } from "./uploader.ts";

/** `upload`: a CSV that becomes a job. `file`: any file. `save`: a file of the server's to the reader's disk. */
export type TransferKind = "upload" | "merge" | "file" | "save";

export interface Transfer {
  readonly id: number;
  readonly kind: TransferKind;
  readonly name: string;
  /** Bytes; 0 for a merge, which sends nothing. */
  readonly size: number;
  readonly sent: number;
  readonly startedAt: number;
  readonly fault: Fault | null;
  readonly jobId: string | null;
  /** The file that was uploaded or saved, once that is done. */
  readonly fileId: string | null;
  readonly stop: () => void;
}

let transfers: readonly Transfer[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

/** Newest first. */
export function useTransfers(): readonly Transfer[] {
  return useSyncExternalStore(subscribe, () => transfers);
}

export function startUpload(file: File): void {
  const { id, signal } = begin("upload", file.name, file.size);
  const onProgress = (sent: number): void => change(id, { sent });
  settle(
    id,
    uploadFile(file, { signal, onProgress }).then((jobId) => ({ jobId })),
  );
}

/** Sends a file of any kind; one that was begun on an earlier visit goes on where it was. */
export function startFile(file: File): void {
  const { id, signal } = begin("file", file.name, file.size);
  const onProgress = ({ done }: { done: number }): void => change(id, { sent: done });
  settle(
    id,
    upload(file, { url: ROUTES.tusUploads, signal, onProgress }).then((sent) => ({ fileId: sent.id })),
  );
}

/** Writes the server's file to the one that the reader has chosen, which shows it when it was verified. */
export function startSave(file: FileEntry, target: FileSystemFileHandle): void {
  const { id, signal } = begin("save", target.name, file.size);
  const onProgress = ({ done }: { done: number }): void => change(id, { sent: done });
  settle(
    id,
    download(file.url, target, { signal, onProgress, sha256: file.sha256 }).then(() => ({ fileId: file.id })),
  );
}

/** Dates as `YYYY-MM-DD`, both inclusive. */
export function startMerge(start: string, end: string): void {
  const { id } = begin("merge", start === end ? start : `${start} to ${end}`, 0);
  const body = { start_date: start, end_date: end };
  settle(
    id,
    postJson<{ download_id: string }>(ROUTES.mergeInitiate, body).then((answer) => ({
      jobId: answer.download_id,
    })),
  );
}

/** Takes a transfer off the page; what it started on the server stays. */
export function dismiss(id: number): void {
  publish(transfers.filter((transfer) => transfer.id !== id));
}

function begin(kind: TransferKind, name: string, size: number): { id: number; signal: AbortSignal } {
  const controller = new AbortController();
  const stop = (): void => controller.abort(new Fault("cancelled", "It was stopped."));
  const id = ++lastId;
  const ends = { fault: null, jobId: null, fileId: null };
  publish([{ id, kind, name, size, sent: 0, startedAt: Date.now(), ...ends, stop }, ...transfers]);
  return { id, signal: controller.signal };
}

function settle(id: number, end: Promise<Partial<Transfer>>): void {
  end.then(
    (changes) => change(id, changes),
    (error: unknown) => change(id, { fault: toFault(error) }),
  );
}

function change(id: number, changes: Partial<Transfer>): void {
  publish(transfers.map((transfer) => (transfer.id === id ? { ...transfer, ...changes } : transfer)));
}

function publish(next: readonly Transfer[]): void {
  transfers = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
