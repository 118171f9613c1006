// Uploads: files still arriving in pieces. The ledger of byte ranges behind every upload protocol.

import type { ByteRange } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { FileRecord, Page, PageQuery, Records, UploadRecord } from "../../ports/records.ts";
import type { Staging, StagingId } from "../../ports/staging.ts";
import { Fault, isFault, toFault } from "../../wire/faults.ts";
import type { Files } from "../files/files.ts";
import { fileName } from "../files/names.ts";
import { type ActiveUpload, repeated } from "./active-upload.ts";
import { ActiveUploads, unknownUpload } from "./active-uploads.ts";
import { Completion, type Finishers, isComplete } from "./completion.ts";
import { overlaps } from "./coverage.ts";
import { type Recovered, recoverUploads } from "./recovery.ts";
import { type Chunk, compareChunk, storeChunk } from "./store-chunk.ts";

export interface NewUpload {
  /** `<protocol>:<name>`; see `UploadRecord.id`. */
  readonly id: string;
  readonly protocol: UploadRecord["protocol"];
  readonly name: string;
  readonly mediaType: string;
  /** Bytes in all. */
  readonly size: number;
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

export interface Progress {
  readonly upload: UploadRecord;
  /** Set when the upload is finished. */
  readonly file: FileRecord | undefined;
}

export interface UploadsOptions {
  readonly staging: Staging;
  readonly records: Records;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds after its last chunk before an unfinished upload is removed; default a week. */
  readonly lifetime?: number;
  /** What a protocol does with a complete file before its upload counts as finished. */
  readonly finishers?: Finishers;
}

const WEEK = 7 * 24 * 3_600_000;

export class Uploads {
  readonly #staging: Staging;
  readonly #records: Records;
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #lifetime: number;
  readonly #completion: Completion;
  readonly #active: ActiveUploads;

  constructor(options: UploadsOptions) {
    this.#staging = options.staging;
    this.#records = options.records;
    this.#files = options.files;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#lifetime = options.lifetime ?? WEEK;
    this.#completion = new Completion(options);
    this.#active = new ActiveUploads(options.records, options.clock, this.#lifetime);
  }

  /**
   * Opens an upload; one that is empty, or comes with a spool, is finished at once. An upload of the same id that
   * failed, or whose file was deleted, gives way. Fault `exists` for any other.
   */
  async begin(upload: NewUpload): Promise<Progress> {
    const old = await this.#records.get("uploads", upload.id);
    if (old && !(await this.#isOver(old))) throw taken(upload.id);
    const record = await this.#draft(upload, old?.version ?? 1);
    try {
      if (old) await this.#records.replace("uploads", record);
      else await this.#records.insert("uploads", record);
    } catch (error) {
      if (!upload.spool) await this.#staging.discard(record.staging);
      throw isFault(error, "conflict") ? taken(upload.id) : error;
    }
    if (old) this.#active.forget(old);
    this.#log.info("upload.begun", { id: record.id, name: record.name, size: record.size });
    if (upload.size > 0 && !upload.spool) return { upload: record, file: undefined };
    return this.#active.with(upload.id, (active) => this.#finish(active));
  }

  /** The upload, begun now if it is not there; Fault `conflict` if its size is another. */
  async ensure(upload: NewUpload): Promise<UploadRecord> {
    const known = await this.#records.get("uploads", upload.id);
    if (known && !(await this.#isOver(known))) return sameSize(known, upload);
    try {
      return (await this.begin(upload)).upload;
    } catch (error) {
      const first = isFault(error, "exists") ? await this.#records.get("uploads", upload.id) : undefined;
      if (first) return sameSize(first, upload);
      throw error;
    }
  }

  /**
   * Takes one chunk; its bytes and the ledger are durable when it resolves. The chunk that completes the upload
   * makes it a file, after its SHA-256 was compared with the declared one.
   *
   * Faults: `not-found`, `gone` (failed, or removed meanwhile), `invalid` (outside the upload, more or fewer bytes than
   * declared), `exists` or `conflict` (see `Chunk.repeated`), `mismatch`, `cancelled`, `no-space`.
   */
  write(id: string, chunk: Chunk, signal?: AbortSignal): Promise<Progress> {
    return this.#active.with(id, (active) => this.#write(active, chunk, signal));
  }

  get(id: string): Promise<UploadRecord | undefined> {
    return this.#records.get("uploads", id);
  }

  page(query: PageQuery): Promise<Page<UploadRecord>> {
    return this.#records.page("uploads", query);
  }

  /** Forgets the upload and what was staged for it; a file it has become stays. Fault `not-found`. */
  async discard(id: string): Promise<void> {
    for (;;) {
      const record = await this.#records.get("uploads", id);
      if (!record) throw unknownUpload(id);
      try {
        await this.#records.remove("uploads", id, record.version);
      } catch (error) {
        if (isFault(error, "conflict")) continue;
        throw error;
      }
      this.#active.forget(record);
      await this.#staging.discard(record.staging);
      this.#log.info("upload.removed", { id, state: record.state });
      return;
    }
  }

  /** Keeps bytes whose place is not known yet. Discard them, or give them to `begin`. */
  async spool(source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Spool> {
    const staging = await this.#staging.create({});
    try {
      const result = await this.#staging.write(staging, 0, source, signal);
      if ("interrupted" in result) throw toFault(result.interrupted);
      return { staging, size: result.written };
    } catch (error) {
      await this.#staging.discard(staging);
      throw error;
    }
  }

  readSpool({ staging, size }: Spool): AsyncIterable<Uint8Array> {
    return this.#staging.read(staging, { start: 0, end: size });
  }

  discardSpool({ staging }: Spool): Promise<void> {
    return this.#staging.discard(staging);
  }

  /** Removes up to `limit` unfinished uploads whose time is over; returns how many. */
  async sweep(limit = 1000): Promise<number> {
    const expired = await this.#records.expired("uploads", this.#clock.now(), limit);
    for (const { id } of expired) {
      await this.discard(id).catch((error) => {
        if (!isFault(error, "not-found")) throw error;
      });
    }
    return expired.length;
  }

  /**
   * Repairs what a crash left: finishes uploads whose bytes are all there, and discards staged bytes that belong
   * to no upload. To be called before any request is taken, by the one process that takes them.
   */
  recover(): Promise<Recovered> {
    const { records, staging, log } = { records: this.#records, staging: this.#staging, log: this.#log };
    return recoverUploads({ records, staging, log }, (id) =>
      this.#active.with(id, (active) => this.#finish(active)),
    );
  }

  async #write(active: ActiveUpload, chunk: Chunk, signal?: AbortSignal): Promise<Progress> {
    const range = rangeOf(chunk, active.record);
    const reservation = await this.#reserve(active, range, chunk.repeated);
    if (!reservation) return this.#repeat(active, chunk, range);
    try {
      await storeChunk(this.#staging, active, { chunk, range, signal });
    } finally {
      reservation.release();
    }
    if (isComplete(active.record)) return this.#finish(active);
    return { upload: active.record, file: undefined };
  }

  /** The right to write `range`, or undefined when the upload has become a file. */
  async #reserve(active: ActiveUpload, range: ByteRange, rule: Chunk["repeated"]) {
    for (;;) {
      if (active.record.state === "failed") throw failed(active.record);
      // A completion that an error stopped (a full disk) is taken up again by the next one who comes.
      if (isComplete(active.record)) await this.#finish(active);
      if (active.record.state === "finished") return undefined;
      const holder = active.holderOf(range);
      if (rule === "refuse" && (holder || overlaps(active.record.coverage, range))) {
        throw repeated(active.id, range);
      }
      if (!holder) return active.reserve(range);
      await holder.released;
    }
  }

  /** Answers a chunk of a finished upload, which the file's bytes tell to be equal or not. */
  async #repeat(active: ActiveUpload, chunk: Chunk, range: ByteRange): Promise<Progress> {
    const upload = active.record;
    if (chunk.repeated === "refuse") throw repeated(active.id, range);
    const file = upload.fileId === null ? undefined : await this.#files.get(upload.fileId);
    if (file) await compareChunk(active.id, chunk, this.#files.read(file, range));
    return { upload, file };
  }

  async #finish(active: ActiveUpload): Promise<Progress> {
    active.completion ??= this.#completion.complete(active);
    const { completion } = active;
    try {
      return { file: await completion, upload: active.record };
    } catch (error) {
      // The next one who comes tries again, where that can help.
      if (active.completion === completion) active.completion = undefined;
      throw error;
    }
  }

  /** True when the upload may be begun anew: it failed, or its file is no more. */
  async #isOver(upload: UploadRecord): Promise<boolean> {
    if (upload.state === "failed") return true;
    return upload.fileId !== null && (await this.#files.get(upload.fileId)) === undefined;
  }

  async #draft(upload: NewUpload, version: number): Promise<UploadRecord> {
    const { id, protocol, size, spool, mediaType } = upload;
    const name = fileName(upload.name);
    const now = this.#clock.now();
    return {
      ...{ id, version, protocol, name, size },
      coverage: spool && spool.size > 0 ? [[0, spool.size]] : [],
      declaredSha256: upload.declaredSha256 ?? null,
      staging: spool?.staging ?? (await this.#staging.create({ size })),
      ...{ state: "arriving", fileId: null, error: null },
      meta: { ...upload.meta, mediaType },
      ...{ createdAt: now, updatedAt: now, expiresAt: now + this.#lifetime },
    };
  }
}

function rangeOf({ offset, size }: Chunk, upload: UploadRecord): ByteRange {
  const end = offset + size;
  const isSound = Number.isSafeInteger(offset) && Number.isSafeInteger(size) && offset >= 0 && size >= 0;
  if (isSound && end <= (upload.size ?? Number.MAX_SAFE_INTEGER)) return { start: offset, end };
  throw new Fault(
    "invalid",
    `${size} bytes at offset ${offset} do not lie within the ${upload.size} bytes of the file`,
  );
}

function sameSize(known: UploadRecord, { size }: NewUpload): UploadRecord {
  if (known.size === size) return known;
  throw new Fault(
    "conflict",
    `the upload ${known.id} has ${known.size} bytes in all, but now ${size} were declared`,
  );
}

function taken(id: string): Fault {
  return new Fault("exists", `the upload ${id} exists already`);
}

function failed({ id, error }: UploadRecord): Fault {
  return new Fault("gone", `the upload ${id} has failed: ${error}`, { hint: "Begin it anew." });
}
