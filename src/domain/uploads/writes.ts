// Who may write which bytes of an upload, and what becomes of them: chunks at any place, and appends at its end.

import type { ByteRange } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileRecord, UploadRecord } from "../../ports/records.ts";
import type { Staging } from "../../ports/staging.ts";
import { Fault } from "../../wire/faults.ts";
import type { Files } from "../files/files.ts";
import { type ActiveUpload, type Reservation, repeated } from "./active-upload.ts";
import type { Admission } from "./admission.ts";
import { type Append, appendTo } from "./append.ts";
import type { LastChunk } from "./completion.ts";
import { add, covers, overlaps, prefixEnd } from "./coverage.ts";
import { type Chunk, compareChunk, storeChunk } from "./store-chunk.ts";
import { isComplete, isPart } from "./upload-state.ts";

export interface Progress {
  readonly upload: UploadRecord;
  /** Set when the upload is finished. */
  readonly file: FileRecord | undefined;
}

export interface WritesOptions {
  readonly staging: Staging;
  readonly files: Files;
  readonly clock: Clock;
  readonly admission: Admission;
  /** Makes a complete upload a file; one that is complete with its last chunk, where `takesLast` says so. */
  readonly finish: (active: ActiveUpload, last?: LastChunk) => Promise<Progress>;
  readonly takesLast: (upload: UploadRecord) => boolean;
}

/** How long a chunk waits for another request with the same bytes before it asks that one to let go. */
const PATIENCE_MS = 5_000;

export class Writes {
  readonly #staging: Staging;
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #admission: Admission;
  readonly #finish: WritesOptions["finish"];
  readonly #takesLast: WritesOptions["takesLast"];

  constructor({ staging, files, clock, admission, finish, takesLast }: WritesOptions) {
    this.#staging = staging;
    this.#files = files;
    this.#clock = clock;
    this.#admission = admission;
    this.#finish = finish;
    this.#takesLast = takesLast;
  }

  async chunk(active: ActiveUpload, chunk: Chunk, signal?: AbortSignal): Promise<Progress> {
    const range = rangeOf(chunk, active.record);
    const reservation =
      this.#reserveFree(active, range) ?? (await this.#reserve(active, range, chunk.repeated));
    if (!reservation) return this.#repeat(active, chunk, range);
    const { source } = chunk;
    try {
      const stop = source instanceof Uint8Array ? undefined : either(signal, reservation);
      const store = () => storeChunk(this.#staging, active, { chunk, range, signal: stop });
      if (source instanceof Uint8Array && this.#isLast(active.record, source, range)) {
        return await this.#finish(active, { ...range, bytes: source, store });
      }
      await store();
    } finally {
      reservation.release();
    }
    return this.#progress(active);
  }

  async append(active: ActiveUpload, append: Append, signal?: AbortSignal): Promise<Progress> {
    do await this.settle(active);
    while (active.holderOf());
    const { record } = active;
    checkPlace(record, append);
    if (record.state === "finished" || append.offset === record.size) return this.#progress(active);
    const reservation = active.reserve({
      start: append.offset,
      end: record.size ?? Number.MAX_SAFE_INTEGER,
    });
    try {
      const claim = (wanted: number) => this.#admission.claim(record.staging, wanted);
      const tools = { staging: this.#staging, clock: this.#clock, size: record.size, claim };
      await appendTo(tools, active, append, either(signal, reservation));
    } finally {
      this.#admission.unclaim(record.staging);
      reservation.release();
    }
    return this.#progress(active);
  }

  /**
   * Asks whoever writes now to let go, and waits until what came is listed. A client asks where its upload stands
   * when its connection broke, which we may not have noticed yet. Fault `gone` if the upload is over.
   */
  async settle(active: ActiveUpload): Promise<Progress> {
    for (let holder = active.holderOf(); holder; holder = active.holderOf()) {
      holder.letGo();
      await holder.released;
    }
    refuseOver(active.record, this.#clock.now());
    return this.#progress(active);
  }

  /** True for a chunk that is all that is missing, and as long as it shall be. */
  #isLast(record: UploadRecord, source: Uint8Array, range: ByteRange): boolean {
    const { size, coverage } = record;
    if (size === null || isPart(record) || !this.#takesLast(record)) return false;
    const isExact = source.length === range.end - range.start && source.length > 0;
    const isWhole = covers(add(coverage, range), { start: 0, end: size });
    return isExact && isWhole && !overlaps(coverage, range);
  }

  async #progress(active: ActiveUpload): Promise<Progress> {
    if (isComplete(active.record)) return this.#finish(active);
    const { fileId } = active.record;
    return { upload: active.record, file: fileId === null ? undefined : await this.#files.get(fileId) };
  }

  /** The right to write `range` where nobody is in the way and nothing of it is there, as for nearly all chunks: without a promise. */
  #reserveFree(active: ActiveUpload, range: ByteRange): Reservation | undefined {
    const { record } = active;
    if (record.state !== "arriving" || isComplete(record)) return undefined;
    if (active.holderOf(range) || overlaps(record.coverage, range)) return undefined;
    refuseOver(record, this.#clock.now());
    return active.reserve(range);
  }

  /** The right to write `range`, or undefined when the upload has become a file. */
  async #reserve(active: ActiveUpload, range: ByteRange, rule: Chunk["repeated"]) {
    for (;;) {
      // A completion that an error stopped (a full disk) is taken up again by the next one who comes.
      if (isComplete(active.record)) await this.#finish(active);
      if (active.record.state === "finished") return undefined;
      const holder = active.holderOf(range);
      if (!holder) refuseOver(active.record, this.#clock.now());
      if (rule === "refuse" && (holder || overlaps(active.record.coverage, range))) {
        throw repeated(active.id, range);
      }
      if (!holder) return active.reserve(range);
      await this.#outwait(holder);
    }
  }

  async #outwait(holder: Reservation): Promise<void> {
    const over = new AbortController();
    const patience = this.#clock.sleep(PATIENCE_MS, over.signal).then(
      () => holder.letGo(),
      () => undefined, // released in time
    );
    await holder.released;
    over.abort();
    await patience;
  }

  /** Answers a chunk of a finished upload, which the file's bytes tell to be equal or not. */
  async #repeat(active: ActiveUpload, chunk: Chunk, range: ByteRange): Promise<Progress> {
    const upload = active.record;
    if (chunk.repeated === "refuse") throw repeated(active.id, range);
    const file = upload.fileId === null ? undefined : await this.#files.get(upload.fileId);
    if (file) await compareChunk(active.id, chunk, this.#files.read(file, range));
    return { upload, file };
  }
}

/** Fault `gone` for an upload that failed, or whose time is over. */
export function refuseOver({ id, state, error, expiresAt }: UploadRecord, now: number): void {
  if (state === "failed") {
    throw new Fault("gone", `the upload ${id} has failed: ${error}`, { hint: "Begin it anew." });
  }
  if (state === "arriving" && expiresAt !== null && expiresAt <= now) {
    throw new Fault("gone", `the upload ${id} expired at ${new Date(expiresAt).toISOString()}`, {
      hint: "Begin it anew.",
    });
  }
}

function checkPlace(record: UploadRecord, { offset, size }: Append): void {
  const joined = record.state === "finished" && isPart(record);
  const at = record.state === "finished" ? (record.size ?? 0) : prefixEnd(record.coverage);
  if (offset !== at || (joined && size !== 0)) {
    throw new Fault("conflict", `the upload stands at offset ${at}, not at ${offset}`, {
      details: { offset: at },
      hint: "Ask for its offset, and continue there.",
    });
  }
  const limit = record.size ?? Number.MAX_SAFE_INTEGER;
  if (size !== undefined && at + size > limit) {
    throw new Fault("too-large", `${size} bytes at offset ${at} exceed the ${limit} bytes of the upload`, {
      details: { offset: at },
    });
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

function either(signal: AbortSignal | undefined, reservation: Reservation): AbortSignal {
  return signal ? AbortSignal.any([signal, reservation.signal]) : reservation.signal;
}
