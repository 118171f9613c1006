// How an upload whose bytes are all there becomes a file: every step can be repeated after a crash.

import type { ByteRange } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Coverage, FileRecord, UploadRecord } from "../../ports/records.ts";
import type { StagedBytes, Staging } from "../../ports/staging.ts";
import { Fault, isFault } from "../../wire/faults.ts";
import type { Files, WrittenFile } from "../files/files.ts";
import type { ActiveUpload } from "./active-upload.ts";
import { LARGE, RunningDigest, SMALL } from "./digest.ts";
import { isForgotten, originOf } from "./known-uploads.ts";
import type { UploadNotices } from "./upload-notice.ts";

/**
 * What a protocol does with the complete file; returns what the upload shall remember. It runs before the upload
 * counts as finished, and again if a crash comes in between, so it must be idempotent.
 */
export type Finisher = (upload: UploadRecord, file: FileRecord) => Promise<UploadRecord["meta"]>;
export type Finishers = Readonly<Partial<Record<UploadRecord["protocol"], Finisher>>>;

/** The chunk that completes a small upload: in memory, and neither staged nor listed yet. */
export interface LastChunk extends ByteRange, StagedBytes {
  /** Stages and lists it as any other. */
  readonly store: () => Promise<void>;
}

export interface CompletionOptions {
  readonly staging: Staging;
  readonly files: Files;
  readonly log: Log;
  readonly finishers?: Finishers;
  readonly notices: UploadNotices;
  readonly clock: Clock;
  /** ms that a finished upload stays known. */
  readonly lifetime: number;
}

function finished(
  record: UploadRecord,
  file: FileRecord,
  meta: UploadRecord["meta"],
  expiresAt: number,
): UploadRecord {
  // That an image is there is known as long as its file.
  const ends = record.protocol === "image" ? null : expiresAt;
  return { ...record, state: "finished", fileId: file.id, meta, expiresAt: ends };
}

export class Completion {
  readonly #staging: Staging;
  readonly #files: Files;
  readonly #log: Log;
  readonly #finishers: Finishers;
  readonly #notices: UploadNotices;
  readonly #clock: Clock;
  readonly #lifetime: number;

  constructor({ staging, files, log, finishers = {}, notices, clock, lifetime }: CompletionOptions) {
    this.#staging = staging;
    this.#files = files;
    this.#log = log;
    this.#finishers = finishers;
    this.#notices = notices;
    this.#clock = clock;
    this.#lifetime = lifetime;
  }

  /**
   * True when `last` need not be staged and listed before: the store takes it, the blob and the file in one commit, and no
   * protocol wants to see the upload in between.
   */
  takesLast({ protocol, staging, size }: UploadRecord): boolean {
    const isSmall = size !== null && size <= SMALL && this.#staging.joinsRecords(staging);
    return isSmall && this.#finishers[protocol] === undefined;
  }

  /**
   * Digest → blob → file record → the protocol's finisher → the upload's record; the last of them in one commit where no
   * finisher comes between. Fault `mismatch`, and the upload has failed, when the digest is not the declared one.
   */
  async complete(active: ActiveUpload, last?: LastChunk): Promise<FileRecord> {
    const upload = active.record;
    const finisher = this.#finishers[upload.protocol];
    const file = await this.#store(active, finisher === undefined, last);
    if (active.record.state === "arriving") {
      const meta = await finisher?.(upload, file);
      await active.change(
        (record) => finished(record, file, { ...record.meta, ...meta }, this.#expiry()),
        (record) => this.#notices("finished", record, file),
      );
    }
    this.#log.info("upload.finished", { id: upload.id, file: file.id, size: file.size, sha256: file.sha256 });
    return file;
  }

  async #store(active: ActiveUpload, atOnce: boolean, last: LastChunk | undefined): Promise<FileRecord> {
    try {
      const file = await this.#digested(active, last);
      const twin = await this.#files.twin(file.sha256);
      if (atOnce && twin?.size !== file.size) return await this.#finish(active, file, last);
      await last?.store();
      await this.#staging.commit(file.blob, file.size);
      return await this.#files.register(file);
    } catch (error) {
      if (!isFault(error, "exists") && !isFault(error, "not-found")) throw error;
      // The file takes the id of its staging: a completion that is repeated after a crash meets the file it made before.
      const known = await this.#files.get(active.record.staging);
      if (!known) throw error;
      return known;
    }
  }

  /** Blob, file and upload in as few steps as the store allows. */
  async #finish(
    active: ActiveUpload,
    written: WrittenFile,
    last: LastChunk | undefined,
  ): Promise<FileRecord> {
    const { size } = written;
    const coverage: Coverage = size > 0 ? [[0, size]] : [];
    const file = this.#files.draft(written);
    const joins = this.#staging.joinsRecords(file.blob);
    if (!joins) await this.#staging.commit(file.blob, size);
    await active.finish(file, (record) => {
      const next = finished({ ...record, coverage }, file, record.meta, this.#expiry());
      const notice = this.#notices("finished", next, file);
      return { next, forget: isForgotten(record), notice, commits: joins ? { last } : undefined };
    });
    this.#files.announce(file);
    return file;
  }

  /** The file that the upload becomes: its bytes are those that were declared. */
  async #digested(active: ActiveUpload, last: LastChunk | undefined): Promise<WrittenFile> {
    const { id, name, size, staging, declaredSha256, meta } = active.record;
    if (size === null) throw new Fault("internal", `the upload ${id} was completed without a size`);
    const sha256 = await (last ? this.#staging.digest(staging, size, last) : this.#digest(active, size));
    if (declaredSha256 !== null && declaredSha256 !== sha256) {
      await this.#fail(active, `SHA-256 ${declaredSha256} was declared, but the bytes have ${sha256}`);
    }
    const mediaType = meta["mediaType"] ?? "application/octet-stream";
    return { id: staging, name, size, sha256, mediaType, blob: staging, origin: originOf(id) };
  }

  async #digest(active: ActiveUpload, size: number): Promise<string> {
    const { staging } = active.record;
    const digest = active.digest ?? new RunningDigest();
    try {
      // Hashing so much here would delay every other request; most of it has been hashed while the rest arrived. Small ones
      // are read and hashed by the store in one step.
      if (size <= SMALL || size - digest.position > LARGE) return await this.#staging.digest(staging, size);
      return await digest.finish(this.#staging.read(staging, { start: digest.position, end: size }));
    } catch (error) {
      if (!isFault(error, "not-found")) throw error;
      // A crash came after the commit: the bytes are the blob of the same name.
      return new RunningDigest().finish(this.#files.read({ blob: staging }));
    }
  }

  #expiry(): number {
    return this.#clock.now() + this.#lifetime;
  }

  async #fail(active: ActiveUpload, error: string): Promise<never> {
    await active.change(
      (record) => ({ ...record, state: "failed", coverage: [], error }),
      (failed) => this.#notices("failed", failed),
    );
    await this.#staging.discard(active.record.staging);
    this.#log.warn("upload.failed", { id: active.id, error });
    throw new Fault("mismatch", `${active.id}: ${error}`, {
      hint: "The bytes were discarded. Register the upload again and send all chunks.",
    });
  }
}
