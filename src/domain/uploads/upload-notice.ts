// What the webhook of uploads is told when one has finished, failed or expired.

import type { NewNotice } from "../../ports/outbox.ts";
import type { FileRecord, UploadRecord } from "../../ports/records.ts";

export type UploadEvent = "finished" | "failed" | "expired";

/** The notice of an upload as it is after the event, or undefined when nobody is to be told. */
export type UploadNotices = (
  event: UploadEvent,
  upload: UploadRecord,
  file?: FileRecord,
) => NewNotice | undefined;

/** Notices to `url`. The body is made at once: a failed upload may be begun anew under its id before it is sent. */
export function uploadNotices(url: string | undefined, now: () => number): UploadNotices {
  return (event, upload, file) => {
    if (url === undefined) return undefined;
    const at = now();
    const { id, protocol, name, staging: subject, error } = upload;
    const size = file?.size ?? upload.size;
    const data = { id, protocol, name, size, sha256: file?.sha256 ?? null, fileId: file?.id ?? null, error };
    const content = { type: `upload.${event}`, timestamp: new Date(at).toISOString(), data };
    return { subject, content: JSON.stringify(content), url, dueAt: at };
  };
}

/** The upload as it is remembered for another lifetime after its time was over. */
export function asExpired(upload: UploadRecord, now: number, lifetime: number): UploadRecord {
  const error = `expired: nothing came since ${new Date(upload.updatedAt).toISOString()}`;
  return { ...upload, state: "failed", error, coverage: [], updatedAt: now, expiresAt: now + lifetime };
}
