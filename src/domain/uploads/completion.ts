// How an upload whose bytes are all there becomes a file: every step can be repeated after a crash.

import type { Log } from "../../ports/log.ts";
import type { FileRecord, UploadRecord } from "../../ports/records.ts";
import type { Staging } from "../../ports/staging.ts";
import { Fault, isFault } from "../../wire/faults.ts";
import type { Files } from "../files/files.ts";
import type { ActiveUpload } from "./active-upload.ts";
import { LARGE, RunningDigest } from "./digest.ts";
import type { UploadNotices } from "./upload-notice.ts";

/**
 * What a protocol does with the complete file; returns what the upload shall remember. It runs before the upload
 * counts as finished, and again if a crash comes in between, so it must be idempotent.
 */
export type Finisher = (upload: UploadRecord, file: FileRecord) => Promise<UploadRecord["meta"]>;
export type Finishers = Readonly<Partial<Record<UploadRecord["protocol"], Finisher>>>;

export interface CompletionOptions {
  readonly staging: Staging;
  readonly files: Files;
  readonly log: Log;
  readonly finishers?: Finishers;
  readonly notices: UploadNotices;
}

export class Completion {
  readonly #staging: Staging;
  readonly #files: Files;
  readonly #log: Log;
  readonly #finishers: Finishers;
  readonly #notices: UploadNotices;

  constructor({ staging, files, log, finishers = {}, notices }: CompletionOptions) {
    this.#staging = staging;
    this.#files = files;
    this.#log = log;
    this.#finishers = finishers;
    this.#notices = notices;
  }

  /**
   * Digest → blob → file record → the protocol's finisher → the upload's record. Fault `mismatch`, and the upload has
   * failed, when the digest is not the declared one.
   */
  async complete(active: ActiveUpload): Promise<FileRecord> {
    const upload = active.record;
    // The file takes the id of its staging: a repeated completion meets the file it made before.
    const file = (await this.#files.get(upload.staging)) ?? (await this.#store(active));
    const meta = await this.#finishers[upload.protocol]?.(upload, file);
    await active.change(
      (record) => ({
        ...record,
        state: "finished",
        fileId: file.id,
        meta: { ...record.meta, ...meta },
        expiresAt: null,
      }),
      (finished) => this.#notices("finished", finished, file),
    );
    this.#log.info("upload.finished", { id: upload.id, file: file.id, size: file.size, sha256: file.sha256 });
    return file;
  }

  async #store(active: ActiveUpload): Promise<FileRecord> {
    const { id, name, size, staging, declaredSha256, meta } = active.record;
    if (size === null) throw new Fault("internal", `the upload ${id} was completed without a size`);
    const sha256 = await this.#digest(active, size);
    if (declaredSha256 !== null && declaredSha256 !== sha256) {
      return this.#fail(active, `SHA-256 ${declaredSha256} was declared, but the bytes have ${sha256}`);
    }
    const blob = await this.#staging.commit(staging, size);
    const mediaType = meta.mediaType ?? "application/octet-stream";
    return this.#files.register({ id: staging, name, size, sha256, mediaType, blob, origin: `upload:${id}` });
  }

  async #digest(active: ActiveUpload, size: number): Promise<string> {
    const { staging } = active.record;
    const digest = active.digest ?? new RunningDigest();
    try {
      // Hashing so much here would delay every other request; most of it has been hashed while the rest arrived.
      if (size - digest.position > LARGE) return await this.#staging.digest(staging, size);
      return await digest.finish(this.#staging.read(staging, { start: digest.position, end: size }));
    } catch (error) {
      if (!isFault(error, "not-found")) throw error;
      // A crash came after the commit: the bytes are the blob of the same name.
      return new RunningDigest().finish(this.#files.read({ blob: staging }));
    }
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
