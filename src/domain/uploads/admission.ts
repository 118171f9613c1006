// Whether an upload may begin: its declared bytes are promised to it out of the disk's free space and the quota.

import type { Clock } from "../../ports/clock.ts";
import type { Records, UploadRecord } from "../../ports/records.ts";
import type { StagingId } from "../../ports/staging.ts";
import { Fault } from "../../wire/faults.ts";
import { received } from "./coverage.ts";

export interface Limits {
  /** Bytes of one upload; null: as many as the disk takes. */
  readonly maxSize: number | null;
  /** Bytes of all files and unfinished uploads together. */
  readonly quota: number | null;
  /** Unfinished uploads at one time. */
  readonly maxUploads: number | null;
  /** Bytes that may still be written; undefined: unknown, so nothing is refused for it. */
  readonly freeSpace?: () => Promise<number>;
}

interface Promised {
  /** What the upload will have in all, as far as it is known. */
  readonly size: number;
  readonly received: number;
  /** What a request writes now, of a size that is not known, may have in all. */
  readonly claimed: number;
}

/** Kept free for the ledger itself. */
const MARGIN = 16 * 1_048_576;
/** How long a look at the disk is believed, so that many small uploads cost one. */
const FRESH_MS = 1_000;
const UNKNOWN = { at: Number.NEGATIVE_INFINITY, bytes: Promise.resolve(Number.POSITIVE_INFINITY) };

export class Admission {
  readonly #limits: Limits;
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #promised = new Map<StagingId, Promised>();
  /** Sums over `#promised`. */
  #size = 0;
  #received = 0;
  #free = UNKNOWN;

  constructor(limits: Limits, records: Records, clock: Clock) {
    this.#limits = limits;
    this.#records = records;
    this.#clock = clock;
  }

  /**
   * Promises `size` bytes (null: not known yet) to the upload staged as `id`, of which `written` are there already, until
   * `follow` or `release` says otherwise.
   * Faults `invalid`, and `too-large`, `no-space`, `busy`, each with its figures in `details`.
   */
  async promise(id: StagingId, size: number | null, written = 0): Promise<void> {
    const { maxUploads } = this.#limits;
    this.#checkSize(size ?? written);
    const [free, used] = await Promise.all([this.#freeSpace(), this.#used()]);
    // From here to the entry nothing waits, so two uploads are never promised the same bytes.
    if (maxUploads !== null && !this.#promised.has(id) && this.#promised.size >= maxUploads) {
      throw new Fault("busy", `${maxUploads} uploads are unfinished, which is the limit`, {
        hint: "Finish or remove some of them, or wait until they expire.",
        details: { uploads: this.#promised.size, limit: maxUploads },
      });
    }
    const known = this.#promised.get(id) ?? { size: 0, received: written, claimed: 0 };
    const wanted = size ?? known.received;
    const missing = wanted - Math.max(known.size, known.received);
    if (missing > 0) this.#checkFree(missing, free, this.#size - this.#received);
    if (wanted > known.size) this.#checkQuota(wanted - known.size, used);
    this.#set(id, { ...known, size: wanted, claimed: size === null ? known.claimed : 0 });
  }

  /** Keeps the sums true: to be told of every change of an unfinished upload. */
  follow(upload: UploadRecord): void {
    if (upload.state === "arriving") {
      const bytes = received(upload.coverage);
      const claimed = upload.size === null ? (this.#promised.get(upload.staging)?.claimed ?? 0) : 0;
      this.#set(upload.staging, { size: upload.size ?? Math.max(bytes, claimed), received: bytes, claimed });
    } else this.release(upload.staging);
  }

  /** True while an unfinished upload is staged as `id`. */
  isPromised(id: StagingId): boolean {
    return this.#promised.has(id);
  }

  /** The upload has ended, and its promise with it. */
  release(id: StagingId): void {
    const known = this.#promised.get(id);
    if (!known) return;
    this.#promised.delete(id);
    this.#size -= known.size;
    this.#received -= known.received;
  }

  /**
   * Promises to what is staged as `id`, whose size is not known, that it may have `wanted` bytes in all; returns how many it may
   * have, which is less where the quota or the limit of one upload is. The promise holds until `unclaim`.
   */
  async claim(id: StagingId, wanted: number): Promise<number> {
    const { maxSize, quota } = this.#limits;
    const used = await this.#used();
    // From here to the entry nothing waits, so two requests are never promised the same bytes.
    const known = this.#promised.get(id) ?? { size: 0, received: 0, claimed: 0 };
    const left = quota === null ? Number.MAX_SAFE_INTEGER : quota - used - (this.#size - known.size);
    const claimed = Math.max(known.received, Math.min(wanted, left, maxSize ?? Number.MAX_SAFE_INTEGER));
    this.#set(id, { ...known, size: Math.max(known.size, claimed), claimed });
    return claimed;
  }

  /** How many bytes may be spooled for an upload that is not known yet; they are promised when it begins. */
  async room(): Promise<number> {
    const { maxSize, quota } = this.#limits;
    const left =
      quota === null ? Number.MAX_SAFE_INTEGER : Math.max(0, quota - (await this.#used()) - this.#size);
    return Math.min(maxSize ?? Number.MAX_SAFE_INTEGER, left);
  }

  /** What was claimed and not received is free again. */
  unclaim(id: StagingId): void {
    const known = this.#promised.get(id);
    if (known && known.claimed > 0) this.#set(id, { ...known, size: known.received, claimed: 0 });
  }

  #set(id: StagingId, promised: Promised): void {
    this.release(id);
    this.#promised.set(id, promised);
    this.#size += promised.size;
    this.#received += promised.received;
  }

  #checkSize(size: number): void {
    // One that is no number would make every sum none, and refuse all that come after it.
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new Fault("invalid", `an upload cannot have ${size} bytes`);
    }
    const { maxSize } = this.#limits;
    if (maxSize === null || size <= maxSize) return;
    throw new Fault("too-large", `${size} bytes are over the limit of ${maxSize} bytes for one upload`, {
      details: { size, limit: maxSize },
    });
  }

  #checkFree(size: number, free: number, promised: number): void {
    if (size + promised + MARGIN <= free) return;
    throw new Fault(
      "no-space",
      `${size} bytes do not fit: ${free} bytes are free, ${promised} of them promised to other uploads`,
      { hint: "Free some space, then repeat the request.", details: { size, free, promised } },
    );
  }

  #checkQuota(size: number, used: number): void {
    const { quota } = this.#limits;
    if (quota === null || used + this.#size + size <= quota) return;
    throw new Fault(
      "no-space",
      `${size} bytes exceed the quota of ${quota}: files have ${used}, unfinished uploads ${this.#size}`,
      {
        hint: "Delete files, then repeat the request.",
        details: { size, quota, used, promised: this.#size },
      },
    );
  }

  async #used(): Promise<number> {
    return this.#limits.quota === null ? 0 : (await this.#records.totals()).bytes;
  }

  async #freeSpace(): Promise<number> {
    const { freeSpace } = this.#limits;
    if (!freeSpace) return Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    // A clock that was set back must not keep an old figure for long.
    if (Math.abs(now - this.#free.at) > FRESH_MS) {
      // All who come while the disk answers share the look.
      const look = { at: now, bytes: freeSpace() };
      this.#free = look;
      look.bytes.catch(() => {
        if (this.#free === look) this.#free = UNKNOWN;
      });
    }
    return this.#free.bytes;
  }
}
