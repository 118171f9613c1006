// The transfers and merges that this page has started: they go on while the reader looks at another section.

import { useSyncExternalStore } from "react";
import { download, type TransferProgress, upload } from "../client/http/browser.ts";
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
  /** Of `sent`, what was there before: an earlier visit's, or what came before a pause. */
  readonly resumed: number;
  /** When it was begun or resumed, and when a byte moved last. */
  readonly startedAt: number;
  readonly movedAt: number;
  readonly fault: Fault | null;
  readonly jobId: string | null;
  /** The file that was uploaded or saved, once that is done. */
  readonly fileId: string | null;
  /** Ends it with a fault `cancelled`; what was sent stays on the server. */
  readonly pause: () => void;
  /** After its end: goes on where it was. */
  readonly resume: () => void;
}

interface Hooks {
  readonly signal: AbortSignal;
  readonly onProgress: (sent: number, resumed: number) => void;
}

/** What a transfer does; it is called again to resume. */
type Work = (hooks: Hooks) => Promise<Partial<Transfer>>;

let transfers: readonly Transfer[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

/** Newest first. */
export function useTransfers(): readonly Transfer[] {
  return useSyncExternalStore(subscribe, () => transfers);
}

export function startUpload(file: File): void {
  begin("upload", file.name, file.size, async ({ signal, onProgress }) => {
    let before: number | undefined;
    const report = (sent: number): void => {
      before ??= sent;
      onProgress(sent, before);
    };
    return { jobId: await uploadFile(file, { signal, onProgress: report }) };
  });
}

/** Sends a file of any kind; one that was begun on an earlier visit goes on where it was. */
export function startFile(file: File): void {
  begin("file", file.name, file.size, async (hooks) => {
    const sent = await upload(file, { url: ROUTES.tusUploads, ...shared(hooks) });
    return { fileId: sent.id };
  });
}

/** Writes the server's file to the one that the reader has chosen, which shows it when it was verified. */
export function startSave(file: FileEntry, target: FileSystemFileHandle): void {
  begin("save", target.name, file.size, async (hooks) => {
    await download(file.url, target, { sha256: file.sha256, ...shared(hooks) });
    return { fileId: file.id };
  });
}

/** Dates as `YYYY-MM-DD`, both inclusive. */
export function startMerge(start: string, end: string): void {
  const body = { start_date: start, end_date: end };
  begin("merge", start === end ? start : `${start} to ${end}`, 0, async () => {
    const answer = await postJson<{ download_id: string }>(ROUTES.mergeInitiate, body);
    return { jobId: answer.download_id };
  });
}

/** Takes a transfer off the page; what it started on the server stays. */
export function dismiss(id: number): void {
  publish(transfers.filter((transfer) => transfer.id !== id));
}

/** The hooks as the client library takes them. */
function shared({ signal, onProgress }: Hooks) {
  return { signal, onProgress: (at: TransferProgress) => onProgress(at.done, at.resumed) };
}

const NO_END = { fault: null, jobId: null, fileId: null };

function begin(kind: TransferKind, name: string, size: number, work: Work): void {
  const id = ++lastId;
  const resume = (): void => run(id, work);
  const times = { startedAt: 0, movedAt: 0 };
  publish([
    { id, kind, name, size, sent: 0, resumed: 0, ...times, ...NO_END, pause: () => undefined, resume },
    ...transfers,
  ]);
  run(id, work);
}

function run(id: number, work: Work): void {
  const controller = new AbortController();
  const pause = (): void => controller.abort(new Fault("cancelled", "It was paused."));
  const now = Date.now();
  change(id, { ...NO_END, startedAt: now, movedAt: now, pause });
  let most = -1;
  const onProgress = (sent: number, resumed: number): void => {
    // A try that failed is told of as well, and moves nothing.
    change(id, { sent, resumed, ...(sent > most && { movedAt: Date.now() }) });
    most = Math.max(most, sent);
  };
  work({ signal: controller.signal, onProgress }).then(
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
