// One upload while requests work on it: who writes which range, and the ledger, changed in groups.

import type { ByteRange } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { NewNotice } from "../../ports/outbox.ts";
import type { FileRecord, Records, UploadEnd, UploadRecord } from "../../ports/records.ts";
import type { StagedBytes } from "../../ports/staging.ts";
import { Fault, isFault } from "../../wire/faults.ts";
import { add, overlaps } from "./coverage.ts";
import type { RunningDigest } from "./digest.ts";

/** The right to write a range, until its bytes are in the ledger, or given up. What is only needed when somebody waits is made then. */
export class Reservation implements ByteRange {
  readonly start: number;
  readonly end: number;
  readonly #id: string;
  readonly #held: Set<Reservation>;
  #asked: AbortController | undefined;
  #waiters: PromiseWithResolvers<void> | undefined;
  #isReleased = false;

  /** `held`: all of the upload, of which it is one until it is released. */
  constructor(id: string, held: Set<Reservation>, { start, end }: ByteRange) {
    this.#id = id;
    this.#held = held;
    this.start = start;
    this.end = end;
    held.add(this);
  }

  /** Aborted when somebody else asks for the range. */
  get signal(): AbortSignal {
    this.#asked ??= new AbortController();
    return this.#asked.signal;
  }

  get released(): Promise<void> {
    if (this.#isReleased) return Promise.resolve();
    this.#waiters ??= Promise.withResolvers<void>();
    return this.#waiters.promise;
  }

  release(): void {
    this.#isReleased = true;
    this.#held.delete(this);
    this.#waiters?.resolve();
  }

  /** Asks the holder, whose client may be long gone, to keep what it has and to release. */
  letGo(): void {
    this.#asked ??= new AbortController();
    this.#asked.abort(new Fault("conflict", `another request took over the upload ${this.#id}`));
  }
}

interface Entry {
  readonly range: ByteRange;
  /** Refused when another node has listed these bytes meanwhile. */
  readonly isExclusive: boolean;
  /** The bytes themselves, where they are staged in the commit that lists them. */
  readonly bytes: Uint8Array | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface ActiveUploadOptions {
  readonly records: Records;
  readonly clock: Clock;
  /** ms after the last chunk until the upload expires. */
  readonly lifetime: number;
  /** Is told of every change that was stored. */
  readonly onChange: (record: UploadRecord) => void;
}

/** How an upload ends when it becomes a file. */
export interface FinishedUpload extends UploadEnd {
  readonly next: UploadRecord;
}

const EVERYTHING: ByteRange = { start: 0, end: Number.MAX_SAFE_INTEGER };

export class ActiveUpload {
  readonly id: string;
  /** As stored last, by us or by another process. */
  record: UploadRecord;
  digest: RunningDigest | undefined;
  /** The one completion that all requests share. */
  completion: Promise<FileRecord> | undefined;
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #lifetime: number;
  readonly #onChange: (record: UploadRecord) => void;
  readonly #reservations = new Set<Reservation>();
  #entries: Entry[] = [];
  #isRecording = false;

  constructor(record: UploadRecord, { records, clock, lifetime, onChange }: ActiveUploadOptions) {
    this.id = record.id;
    this.record = record;
    this.#records = records;
    this.#clock = clock;
    this.#lifetime = lifetime;
    this.#onChange = onChange;
  }

  /** Who writes a part of `range`, or of anything, now. */
  holderOf(range: ByteRange = EVERYTHING): Reservation | undefined {
    for (const held of this.#reservations) {
      if (Math.max(held.start, range.start) < Math.min(held.end, range.end)) return held;
    }
    return undefined;
  }

  /** Takes `range`, which nobody may hold. */
  reserve(range: ByteRange): Reservation {
    return new Reservation(this.id, this.#reservations, range);
  }

  /** Asks everybody who writes now to let go. */
  letGo(): void {
    for (const held of this.#reservations) held.letGo();
  }

  /**
   * Lists `range` in the ledger; all ranges that come while a change is stored share the next. Its bytes are durable, or given
   * to be staged in the same commit (`Staging.joinsRecords`).
   */
  list(range: ByteRange, isExclusive: boolean, bytes?: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#entries.push({ range, isExclusive, bytes, resolve, reject });
      if (!this.#isRecording) void this.#recordAll();
    });
  }

  /** Changes the record by `change`, with its `notice` in one commit; repeated on the newer record when another process was faster. */
  change(
    change: (record: UploadRecord) => UploadRecord,
    notice?: (changed: UploadRecord) => NewNotice | undefined,
  ): Promise<UploadRecord> {
    return this.#store(() => {
      const next = { ...change(this.record), updatedAt: this.#clock.now() };
      return this.#records.replace("uploads", next, notice?.(next));
    });
  }

  /** The upload becomes `file`, in one commit. Fault `exists` if the file is there. */
  finish(file: FileRecord, end: (record: UploadRecord) => FinishedUpload): Promise<UploadRecord> {
    return this.#store(() => {
      const { next, ...how } = end(this.record);
      return this.#records.finish(file, { ...next, updatedAt: this.#clock.now() }, how);
    });
  }

  async #store(store: () => Promise<UploadRecord>): Promise<UploadRecord> {
    const { staging } = this.record;
    for (;;) {
      try {
        this.record = await store();
        this.#onChange(this.record);
        return this.record;
      } catch (error) {
        if (!isFault(error, "conflict") && !isFault(error, "not-found")) throw error;
        const stored = await this.#records.get("uploads", this.id);
        // Removed, or begun anew under the same name: these bytes belong to nothing any more.
        if (stored?.staging !== staging) throw removed(this.id, error);
        // Not the upload is missing, but what was asked of it.
        if (isFault(error, "not-found") && stored.version === this.record.version) throw error;
        this.record = stored;
      }
    }
  }

  async #recordAll(): Promise<void> {
    this.#isRecording = true;
    // Ranges of the same turn share the first change too.
    await Promise.resolve();
    while (this.#entries.length > 0) {
      const entries = this.#entries;
      this.#entries = [];
      await this.#record(entries);
    }
    this.#isRecording = false;
  }

  async #record(entries: readonly Entry[]): Promise<void> {
    let kept: readonly Entry[] = [];
    try {
      await this.#store(() => {
        const { record } = this;
        kept = entries.filter(({ isExclusive, range }) => !isExclusive || !overlaps(record.coverage, range));
        const coverage = kept.reduce((sum, { range }) => add(sum, range), record.coverage);
        const next = { ...record, coverage, updatedAt: this.#clock.now(), expiresAt: this.#expiry(record) };
        return this.#records.replace("uploads", next, undefined, stagedOf(kept));
      });
    } catch (error) {
      for (const { reject } of entries) reject(error);
      return;
    }
    for (const entry of entries) {
      if (kept.includes(entry)) entry.resolve();
      else entry.reject(repeated(this.id, entry.range));
    }
  }

  /** Moved in steps of a thousandth, since every change of it costs an index entry. */
  #expiry({ expiresAt }: UploadRecord): number {
    const due = this.#clock.now() + this.#lifetime;
    return expiresAt !== null && Math.abs(due - expiresAt) < this.#lifetime / 1000 ? expiresAt : due;
  }
}

function stagedOf(entries: readonly Entry[]): StagedBytes[] | undefined {
  const staged = entries.flatMap(({ range, bytes }) => (bytes ? [{ start: range.start, bytes }] : []));
  return staged.length > 0 ? staged : undefined;
}

/** The fault of a range that is there already. */
export function repeated(id: string, { start, end }: ByteRange): Fault {
  return new Fault("exists", `bytes ${start} to ${end} of ${id} were uploaded already`);
}

function removed(id: string, cause: unknown): Fault {
  return new Fault("gone", `the upload ${id} was removed while it was written`, { cause });
}
