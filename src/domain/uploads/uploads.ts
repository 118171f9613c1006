// Uploads: files still arriving in pieces. The ledger of byte ranges behind every upload protocol.

import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { FileRecord, Page, PageQuery, Records, UploadRecord } from "../../ports/records.ts";
import type { Staging } from "../../ports/staging.ts";
import { Fault, isFault, toFault } from "../../wire/faults.ts";
import type { Files } from "../files/files.ts";
import type { ActiveUpload } from "./active-upload.ts";
import { ActiveUploads } from "./active-uploads.ts";
import { Admission, type Limits } from "./admission.ts";
import type { Append } from "./append.ts";
import { ChunkSource } from "./chunk-source.ts";
import { Completion, type Finishers, type LastChunk } from "./completion.ts";
import { Concatenation, type Joined } from "./concatenation.ts";
import { declareSize } from "./declare-size.ts";
import { hashAhead } from "./digest.ts";
import { KnownUploads } from "./known-uploads.ts";
import { draftUpload, type NewUpload, type Spool, sameSize, taken } from "./new-upload.ts";
import { type Recovered, recoverUploads } from "./recovery.ts";
import type { Chunk } from "./store-chunk.ts";
import { sweepUploads } from "./sweep.ts";
import { asExpired, type UploadNotices, uploadNotices } from "./upload-notice.ts";
import { type Progress, Writes } from "./writes.ts";

export interface UploadsOptions {
  readonly staging: Staging;
  readonly records: Records;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Milliseconds after its last chunk before an unfinished upload is removed, and that one that ended stays known; default
   * a week.
   */
  readonly lifetime?: number;
  /** What a protocol does with a complete file before its upload counts as finished. */
  readonly finishers?: Finishers;
  /** The URL that is told of uploads that finished, failed or expired. */
  readonly webhook?: string | undefined;
  /** Default: none. */
  readonly limits?: Limits;
}

const UNLIMITED: Limits = { maxSize: null, quota: null, maxUploads: null };
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
  readonly #writes: Writes;
  readonly #admission: Admission;
  readonly #notices: UploadNotices;
  readonly #known: KnownUploads;
  readonly #joins: Concatenation;

  constructor(options: UploadsOptions) {
    const { staging, files, clock, records, log, lifetime = WEEK, webhook } = options;
    this.#staging = staging;
    this.#records = records;
    this.#files = files;
    this.#clock = clock;
    this.#log = log;
    this.#lifetime = lifetime;
    const notices = uploadNotices(webhook, () => clock.now());
    this.#notices = notices;
    this.#completion = new Completion({ ...options, notices, lifetime });
    const admission = new Admission(options.limits ?? UNLIMITED, records, clock);
    this.#admission = admission;
    const onChange = (record: UploadRecord) => {
      admission.follow(record);
      hashAhead(staging, record);
    };
    this.#known = new KnownUploads(records, files);
    const shared = { records, staging, clock, lifetime, notices, onChange, known: this.#known };
    this.#active = new ActiveUploads(shared);
    const finish = (active: ActiveUpload, last?: LastChunk) => this.#finish(active, last);
    const takesLast = (upload: UploadRecord) => this.#completion.takesLast(upload);
    this.#writes = new Writes({ staging, files, clock, admission, finish, takesLast });
    const release = (part: UploadRecord) => this.#end(part);
    this.#joins = new Concatenation({ records, staging, clock, uploads: this, release });
  }

  /**
   * Opens an upload; one that is empty, or comes with a spool, is finished at once. An upload of the same id that
   * failed or expired, or whose file was deleted, gives way. Fault `exists` for any other.
   */
  async begin(upload: NewUpload): Promise<Progress> {
    const old = await this.#known.find(upload.id);
    if (old && !(await this.#isOver(old))) throw taken(upload.id);
    const { size, spool } = upload;
    const promised = crypto.randomUUID();
    await this.#admission.promise(promised, size, spool?.size);
    let staging = spool?.staging;
    let record: UploadRecord;
    try {
      // What is opened, and the record, are asked for in one turn: a small upload begins with one commit.
      staging ??= await this.#staging.create(size === null ? {} : { size });
      const birth = { version: old?.version ?? 1, staging, now: this.#clock.now(), lifetime: this.#lifetime };
      record = draftUpload(upload, birth);
      // It may have expired without a sweep having come to it.
      const expired = old && this.#hasExpired(old) ? asExpired(old, birth.now, this.#lifetime) : undefined;
      const notice = expired && this.#notices("expired", expired);
      if (old) await this.#records.replace("uploads", record, notice);
      else await this.#records.insert("uploads", record);
    } catch (error) {
      if (!spool && staging) await this.#staging.discard(staging);
      throw isFault(error, "conflict") ? taken(upload.id) : error;
    } finally {
      this.#admission.release(promised);
    }
    this.#admission.follow(record);
    if (old) {
      this.#end(old);
      await this.#staging.discard(old.staging);
    }
    this.#log.info("upload.begun", { id: record.id, name: record.name, size: record.size });
    if (upload.size !== 0 && !upload.spool) return { upload: record, file: undefined };
    return this.#active.with(upload.id, (active) => this.#finish(active));
  }

  /** The upload, begun now if it is not there; Fault `conflict` if its size is another. */
  async ensure(upload: NewUpload): Promise<UploadRecord> {
    const known = await this.#known.find(upload.id);
    if (known && !(await this.#isOver(known))) return sameSize(known, upload);
    try {
      return (await this.begin(upload)).upload;
    } catch (error) {
      const first = isFault(error, "exists") ? await this.#known.find(upload.id) : undefined;
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
    return this.#active.with(id, (active) => this.#writes.chunk(active, chunk, signal));
  }

  /**
   * Takes bytes that continue the upload where it stands. Whoever writes to it is asked to let go first. What came
   * before a broken end is kept, unless a checksum covers it.
   *
   * Faults: `not-found`, `gone`, `conflict` (it stands elsewhere: `details.offset`), `too-large`, `checksum`, `mismatch`,
   * `cancelled`, `no-space`.
   */
  append(id: string, append: Append, signal?: AbortSignal): Promise<Progress> {
    return this.#active.with(id, (active) => this.#writes.append(active, append, signal));
  }

  /** Where the upload stands, after whoever writes to it has let go. Faults `not-found`, `gone`. */
  settle(id: string): Promise<Progress> {
    return this.#active.with(id, (active) => this.#writes.settle(active));
  }

  /** Tells the size of an upload that was begun without; one that has all its bytes is finished. Fault `invalid`. */
  declareSize(id: string, size: number): Promise<Progress> {
    return this.#active.with(id, async (active) => {
      await this.#writes.settle(active);
      await declareSize(active, this.#admission, size);
      return this.#writes.settle(active);
    });
  }

  /** Joins uploads that were begun as parts (`meta.concat` is `partial`); see `Concatenation`. */
  concatenate(joined: Joined, ids: readonly string[]): Promise<Progress> {
    return this.#joins.join(joined, ids);
  }

  /** True while a request works on the upload. */
  isUsed(id: string): boolean {
    return this.#active.isUsed(id);
  }

  async get(id: string): Promise<UploadRecord | undefined> {
    return this.#active.known(id) ?? this.#known.find(id);
  }

  /** The file that the upload has become. */
  async fileOf(id: string): Promise<FileRecord | undefined> {
    const image = await this.#known.imageOf(id);
    if (image) return image;
    const upload = await this.get(id);
    return upload?.fileId ? this.#files.get(upload.fileId) : undefined;
  }

  page(query: PageQuery): Promise<Page<UploadRecord>> {
    return this.#records.page("uploads", query);
  }

  /** Forgets the upload and what was staged for it; a file it has become stays, and the record returned tells of it. Faults `not-found`, `conflict` (see `KnownUploads`). */
  async discard(id: string): Promise<UploadRecord> {
    for (;;) {
      const record = await this.#records.get("uploads", id);
      if (!record) throw await this.#known.refusal(id);
      try {
        await this.#records.remove("uploads", id, record.version);
      } catch (error) {
        if (isFault(error, "conflict")) continue;
        throw error;
      }
      this.#end(record);
      await this.#staging.discard(record.staging);
      this.#log.info("upload.removed", { id, state: record.state });
      return record;
    }
  }

  /** Keeps bytes whose place is not known yet. Discard them, or give them to `begin`. */
  async spool(source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Spool> {
    const room = await this.#admission.room();
    const staging = await this.#staging.create({});
    try {
      const bytes = new ChunkSource(source);
      const result = await this.#staging.write(staging, 0, bytes.take(room), { signal });
      if ("interrupted" in result) throw toFault(result.interrupted);
      if (!(await bytes.isAtEnd()))
        throw new Fault("too-large", `${room} bytes are all that an upload may have`);
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

  /** Ends up to `limit` uploads whose time is over; see `sweepUploads`. */
  sweep(limit = 1000): Promise<number> {
    const tools = {
      ...{ records: this.#records, staging: this.#staging, clock: this.#clock, log: this.#log },
      ...{ notices: this.#notices, lifetime: this.#lifetime },
      isUsed: (id: string) => this.#active.isUsed(id),
      discard: (id: string) => this.discard(id),
      onEnd: (upload: UploadRecord) => this.#end(upload),
    };
    return sweepUploads(tools, limit);
  }

  /**
   * Repairs what a crash left: finishes uploads whose bytes are all there, and discards staged bytes that belong
   * to no upload. To be called before any request is taken, by the one process that takes them.
   */
  recover(): Promise<Recovered> {
    const stores = { records: this.#records, staging: this.#staging, log: this.#log };
    const finish = (id: string) => this.#active.with(id, (active) => this.#finish(active));
    const discard = (id: string) => this.discard(id);
    return recoverUploads(stores, { finish, discard, unfinished: this.#admission });
  }

  #end(upload: UploadRecord): void {
    this.#active.forget(upload);
    this.#admission.release(upload.staging);
  }

  async #finish(active: ActiveUpload, last?: LastChunk): Promise<Progress> {
    active.completion ??= this.#completion.complete(active, last);
    const { completion } = active;
    try {
      return { file: await completion, upload: active.record };
    } catch (error) {
      // The next one who comes tries again, where that can help.
      if (active.completion === completion) active.completion = undefined;
      throw error;
    }
  }

  /** True when the upload may be begun anew: it failed or expired, or its file is no more. */
  async #isOver(upload: UploadRecord): Promise<boolean> {
    if (upload.state === "failed" || this.#hasExpired(upload)) return true;
    return upload.fileId !== null && (await this.#files.get(upload.fileId)) === undefined;
  }

  #hasExpired({ state, expiresAt }: UploadRecord): boolean {
    return state === "arriving" && expiresAt !== null && expiresAt <= this.#clock.now();
  }
}
