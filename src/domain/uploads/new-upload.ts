// What begins an upload, and the record it begins with. Pure.

import type { UploadRecord } from "../../ports/records.ts";
import type { StagingId } from "../../ports/staging.ts";
import { Fault } from "../../wire/faults.ts";
import { fileName } from "../files/names.ts";

export interface NewUpload {
  /** `<protocol>:<name>`; see `UploadRecord.id`. */
  readonly id: string;
  readonly protocol: UploadRecord["protocol"];
  readonly name: string;
  readonly mediaType: string;
  /** Bytes in all; null: told later by `declareSize`. */
  readonly size: number | null;
  /** 64 lower-case hexadecimal digits. */
  readonly declaredSha256?: string;
  readonly meta?: UploadRecord["meta"];
  /** Bytes that were spooled before the upload was known: all of it. */
  readonly spool?: Spool;
}

/** Bytes that arrived before it was known where they belong. */
export interface Spool {
  readonly staging: StagingId;
  readonly size: number;
}

export interface Birth {
  readonly version: number;
  readonly staging: StagingId;
  /** ms since 1970. */
  readonly now: number;
  readonly lifetime: number;
}

/** The first record of `upload`. Fault `invalid` when its name names no file. */
export function draftUpload(upload: NewUpload, { version, staging, now, lifetime }: Birth): UploadRecord {
  const { id, protocol, size, spool, mediaType } = upload;
  return {
    id,
    version,
    protocol,
    name: fileName(upload.name),
    size,
    coverage: spool && spool.size > 0 ? [[0, spool.size]] : [],
    declaredSha256: upload.declaredSha256 ?? null,
    staging,
    state: "arriving",
    fileId: null,
    error: null,
    meta: { ...upload.meta, mediaType },
    createdAt: now,
    updatedAt: now,
    expiresAt: now + lifetime,
  };
}

/** `known`, if the upload that is begun again has the same size. */
export function sameSize(known: UploadRecord, { size }: NewUpload): UploadRecord {
  if (known.size === size) return known;
  throw new Fault(
    "conflict",
    `the upload ${known.id} has ${known.size} bytes in all, but now ${size} were declared`,
  );
}

/** `record` with its size told, or itself if it was told before; Fault `invalid` when it was told otherwise, or more bytes are there. */
export function withSize(record: UploadRecord, size: number): UploadRecord {
  if (record.size !== null && record.size !== size) {
    throw new Fault("invalid", `the upload has ${record.size} bytes in all; ${size} contradicts that`);
  }
  if (record.size === size) return record;
  const end = record.coverage.at(-1)?.[1] ?? 0;
  if (end > size) throw new Fault("invalid", `${end} bytes have arrived; the upload cannot have ${size}`);
  return { ...record, size };
}

/** The fault of an id that an upload has already. */
export function taken(id: string): Fault {
  return new Fault("exists", `the upload ${id} exists already`);
}
