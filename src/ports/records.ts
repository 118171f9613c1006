// Facts about uploads and files. Small JSON documents with a version, in two collections.

import type { BlobId } from "./blobs.ts";
import type { NewNotice } from "./outbox.ts";
import type { StagedBytes, StagingId } from "./staging.ts";

/** Covered bytes: ascending, disjoint, not touching, `[start, end)` each. */
export type Coverage = readonly (readonly [start: number, end: number])[];

export interface UploadRecord {
  /** `<protocol>:<the name its protocol gives it>`, e.g. `image:<sha256>`, `dropzone:<dzuuid>`. */
  readonly id: string;
  /** Counts replacements, from 1. */
  readonly version: number;
  readonly protocol: "image" | "dropzone" | "tus" | "put";
  /** What the caller calls the file. Any text; never a path. */
  readonly name: string;
  /** Bytes expected in all; null while the client has not said (tus defer-length). */
  readonly size: number | null;
  /** The ledger: which bytes are durable in staging. */
  readonly coverage: Coverage;
  /** The digest that the client declared, if any: 64 lower-case hexadecimal digits. */
  readonly declaredSha256: string | null;
  readonly staging: StagingId;
  /** arriving → finished | failed. A failed upload has lost its staged bytes; the reason is in `error`. */
  readonly state: "arriving" | "finished" | "failed";
  /** The file it became. Set exactly when finished. */
  readonly fileId: string | null;
  readonly error: string | null;
  /** What the protocol needs to remember: chunk size, job id, tus metadata. */
  readonly meta: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When the sweeper may remove it; null: never. */
  readonly expiresAt: number | null;
}

export interface FileRecord {
  /** Random, ours; used in URLs. */
  readonly id: string;
  readonly version: number;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly mediaType: string;
  /** Its bytes. Several files may share one blob when their digests are equal. */
  readonly blob: BlobId;
  /** Where it came from, e.g. `upload:image:<sha256>` or `job:<id>`. */
  readonly origin: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt: number | null;
}

export interface Collections {
  readonly uploads: UploadRecord;
  readonly files: FileRecord;
}

export interface PageQuery {
  /** 1 to 1,000. */
  readonly limit: number;
  /** The `next` of the page before; opaque. */
  readonly after?: string;
  /** Newest first (the default), or by name in code-point order. */
  readonly order?: "newest" | "name";
  /** Only names that begin so. */
  readonly prefix?: string;
  /** Only this state (uploads). */
  readonly state?: UploadRecord["state"];
  /** Only this digest (files). */
  readonly sha256?: string;
  /** Only files that share this blob. */
  readonly blob?: BlobId;
}

export interface Totals {
  readonly files: number;
  readonly bytes: number;
}

export interface Page<T> {
  readonly records: readonly T[];
  /** Give it as `after` to get the next page; null on the last. */
  readonly next: string | null;
}

export interface UploadEnd {
  /** The upload's record goes: what it knew is in the file's. */
  readonly forget?: boolean;
  /** As with `replace`. */
  readonly notice?: NewNotice | undefined;
  /**
   * What is staged as `file.blob` becomes that blob in the same commit, with `last` in its place, which was not written. Only
   * where `Staging.joinsRecords` allows it; faults as of `Staging.commit`.
   */
  readonly commits?: { readonly last?: StagedBytes | undefined } | undefined;
}

/**
 * Contract, for every adapter:
 * - What resolves is durable, and visible to every later call in every process; an upload that still arrives, only in the
 *   process that takes the uploads.
 * - `replace` and `finish` are the only changes and are versioned: of two replacements of one version exactly one wins.
 * - Pages: a record that exists throughout a listing appears exactly once; others at most once.
 * - Errors are Faults: `exists`, `conflict`, `not-found`, `invalid` (a cursor that is not ours), `no-space`,
 *   `unreachable`, `internal`.
 */
export interface Records {
  /** Fault `exists` if the id is taken: the one atomic "who was first". `record.version` must be 1. */
  insert<C extends keyof Collections>(collection: C, record: Collections[C]): Promise<void>;

  /**
   * Inserts a file whose blob is another file's already, checked in the same step: so a blob that is being removed
   * with its last file is never shared again. Fault `conflict` if no file has this blob, `exists` if the id is taken.
   */
  insertSharing(record: FileRecord): Promise<void>;

  /** A miss is a value. */
  get<C extends keyof Collections>(collection: C, id: string): Promise<Collections[C] | undefined>;

  /**
   * Stores `record` in place of the stored one, whose version must be `record.version`; returns it with
   * the version raised by one. Fault `conflict` if somebody else was faster, `not-found` if it is gone.
   *
   * `notice`: goes into the outbox in the same commit; so not at all when this one fails.
   * `staged`: is written to the upload's staging in the same commit. Only where `Staging.joinsRecords` allows it; faults as
   * of `Staging.write`.
   */
  replace<C extends keyof Collections>(
    collection: C,
    record: Collections[C],
    notice?: NewNotice,
    staged?: readonly StagedBytes[],
  ): Promise<Collections[C]>;

  /**
   * An upload becomes a file: inserts `file`, and replaces `upload` (which says so) or forgets it, in one commit. Returns
   * the upload with the version raised by one. Faults as of `insert` and `replace`.
   */
  finish(file: FileRecord, upload: UploadRecord, end?: UploadEnd): Promise<UploadRecord>;

  /** A file with these bytes, by their digest; of this origin if one is given. Any, if there are several. A miss is a value. */
  twin(sha256: string, origin?: string): Promise<FileRecord | undefined>;

  /** Fault `conflict` if the stored version is another. Removing what is not there succeeds. */
  remove<C extends keyof Collections>(collection: C, id: string, version: number): Promise<void>;

  /** How many files there are, and their bytes in all; bytes that files share count once for each. */
  totals(): Promise<Totals>;

  page<C extends keyof Collections>(collection: C, query: PageQuery): Promise<Page<Collections[C]>>;

  /** Up to `limit` records whose `expiresAt` is at or before `at` (ms), soonest first. */
  expired<C extends keyof Collections>(
    collection: C,
    at: number,
    limit: number,
  ): Promise<readonly Collections[C][]>;
}
