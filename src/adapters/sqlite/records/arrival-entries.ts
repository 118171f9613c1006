// The entries of the arrivals' journal: what a row of it says, and how it is said again after a crash.

import type { Coverage, UploadRecord } from "../../../ports/records.ts";
import type { StagingId } from "../../../ports/staging.ts";

/** The bytes of pieces stand one behind the other in the row, in the order of their entries. */
export type ArrivalEntry =
  | readonly ["upload", UploadRecord]
  | readonly ["ledger", id: string, version: number, updatedAt: number, expiresAt: number | null, Coverage]
  | readonly ["forget", id: string]
  | readonly ["create", StagingId]
  | readonly ["piece", StagingId, start: number, length: number]
  | readonly ["discard", StagingId];

export interface ArrivalRow {
  readonly entries: string;
  readonly bytes: Uint8Array;
}

export interface Replayed {
  changedUpload(id: string): UploadRecord | undefined;
  putUpload(record: UploadRecord): void;
  removeUpload(id: string): void;
  create(id: StagingId): void;
  write(id: StagingId, start: number, bytes: Uint8Array): void;
  discard(id: StagingId): void;
}

/** A chunk changes the ledger only, which is said in a fifth of the bytes. */
export function entryOfChange(before: UploadRecord | undefined, after: UploadRecord): ArrivalEntry {
  const { id, version, updatedAt, expiresAt, coverage } = after;
  const isLedger =
    before !== undefined &&
    before.staging === after.staging &&
    before.size === after.size &&
    before.name === after.name &&
    before.meta === after.meta &&
    before.declaredSha256 === after.declaredSha256 &&
    before.createdAt === after.createdAt;
  return isLedger ? ["ledger", id, version, updatedAt, expiresAt, coverage] : ["upload", after];
}

/** Carries out again what the row says. */
export function replay({ entries, bytes }: ArrivalRow, into: Replayed): void {
  let at = 0;
  for (const entry of JSON.parse(entries) as ArrivalEntry[]) {
    switch (entry[0]) {
      case "upload":
        into.putUpload(entry[1]);
        break;
      case "ledger": {
        const [, id, version, updatedAt, expiresAt, coverage] = entry;
        const known = into.changedUpload(id);
        if (known) into.putUpload({ ...known, version, updatedAt, expiresAt, coverage });
        break;
      }
      case "forget":
        into.removeUpload(entry[1]);
        break;
      case "create":
        into.create(entry[1]);
        break;
      case "piece": {
        const [, id, start, length] = entry;
        into.write(id, start, bytes.subarray(at, at + length));
        at += length;
        break;
      }
      case "discard":
        into.discard(entry[1]);
        break;
    }
  }
}
