// The uploads and merges that this page has started: they go on while the reader looks at another section.

import { useSyncExternalStore } from "react";
import { type Fault, toFault } from "../wire/faults.ts";
import { ROUTES } from "../wire/routes.ts";
import { postJson } from "./requests.ts";
import { uploadFile } from "./uploader.ts";

export interface Transfer {
  readonly id: number;
  readonly kind: "upload" | "merge";
  readonly name: string;
  /** Bytes; 0 for a merge, which sends nothing. */
  readonly size: number;
  readonly sent: number;
  readonly startedAt: number;
  readonly fault: Fault | null;
  readonly jobId: string | null;
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
  const controller = new AbortController();
  const id = begin("upload", file.name, file.size, () => controller.abort());
  const hooks = { signal: controller.signal, onProgress: (sent: number) => change(id, { sent }) };
  settle(id, uploadFile(file, hooks));
}

/** Dates as `YYYY-MM-DD`, both inclusive. */
export function startMerge(start: string, end: string): void {
  const id = begin("merge", start === end ? start : `${start} to ${end}`, 0, () => undefined);
  const body = { start_date: start, end_date: end };
  settle(
    id,
    postJson<{ download_id: string }>(ROUTES.mergeInitiate, body).then((answer) => answer.download_id),
  );
}

/** Takes a transfer off the page; what it started on the server stays. */
export function dismiss(id: number): void {
  publish(transfers.filter((transfer) => transfer.id !== id));
}

function begin(kind: Transfer["kind"], name: string, size: number, stop: () => void): number {
  const id = ++lastId;
  const transfer = { id, kind, name, size, sent: 0, startedAt: Date.now(), fault: null, jobId: null, stop };
  publish([transfer, ...transfers]);
  return id;
}

function settle(id: number, job: Promise<string>): void {
  job.then(
    (jobId) => change(id, { jobId }),
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
