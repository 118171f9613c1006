// The uploads that requests work on now: all requests for one upload share its reservations and its ledger.

import type { UploadRecord } from "../../ports/records.ts";
import type { Staging } from "../../ports/staging.ts";
import { ActiveUpload, type ActiveUploadOptions } from "./active-upload.ts";
import { RunningDigest } from "./digest.ts";
import { isIntact } from "./intact.ts";
import { type KnownUploads, unknownUpload } from "./known-uploads.ts";
import type { UploadNotices } from "./upload-notice.ts";

/** Uploads that are remembered between two chunks, with their running digest; those of many ranges are not. */
const MAX_IDLE = 1000;
const MAX_RANGES = 100;

interface Shared {
  /** Requests that hold it, or wait for it to be loaded. */
  users: number;
  readonly loading: Promise<ActiveUpload>;
  active?: ActiveUpload;
}

export interface ActiveUploadsOptions extends ActiveUploadOptions {
  readonly staging: Staging;
  readonly notices: UploadNotices;
  readonly known: KnownUploads;
}

export class ActiveUploads {
  readonly #options: ActiveUploadsOptions;
  readonly #shared = new Map<string, Shared>();
  /** The longest unused first. One process takes all requests, so nobody else changes these. */
  readonly #idle = new Map<string, ActiveUpload>();

  readonly #staging: Staging;

  constructor(options: ActiveUploadsOptions) {
    this.#options = options;
    this.#staging = options.staging;
  }

  /** Runs `work` on the one `ActiveUpload` of `id`. Fault `not-found`. */
  async with<T>(id: string, work: (active: ActiveUpload) => Promise<T>): Promise<T> {
    const shared = this.#shared.get(id) ?? this.#share(id);
    shared.users++;
    try {
      shared.active ??= await shared.loading;
      return await work(shared.active);
    } finally {
      shared.users--;
      if (shared.users === 0) {
        if (this.#shared.get(id) === shared) {
          this.#shared.delete(id);
          if (shared.active) this.#keep(shared.active);
        }
      }
    }
  }

  /** The upload as it was stored last, if it is at hand. */
  known(id: string): UploadRecord | undefined {
    return (this.#shared.get(id)?.active ?? this.#idle.get(id))?.record;
  }

  /** True while a request works on the upload. */
  isUsed(id: string): boolean {
    return this.#shared.has(id);
  }

  /** Requests that come from now on load the upload anew; those at work end with Fault `gone`. */
  forget(upload: UploadRecord): void {
    const shared = this.#shared.get(upload.id);
    this.#shared.delete(upload.id);
    // A client that is gone without our notice would hold on to the bytes; a failed loading has no holders.
    shared?.loading.then(
      (active) => active.letGo(),
      () => undefined,
    );
    this.#idle.delete(upload.id);
  }

  #share(id: string): Shared {
    const idle = this.#idle.get(id);
    this.#idle.delete(id);
    const shared: Shared = { users: 0, loading: idle ? Promise.resolve(idle) : this.#load(id) };
    if (idle) shared.active = idle;
    this.#shared.set(id, shared);
    return shared;
  }

  async #load(id: string): Promise<ActiveUpload> {
    const record = await this.#options.known.find(id);
    if (!record) throw unknownUpload(id);
    const active = new ActiveUpload(record, this.#options);
    active.digest = new RunningDigest();
    if (!(await isIntact(this.#staging, record))) {
      const error = "bytes that had been stored are lost";
      await active.change(
        (known) => ({ ...known, state: "failed", coverage: [], error }),
        (failed) => this.#options.notices("failed", failed),
      );
      await this.#staging.discard(record.staging);
    }
    return active;
  }

  #keep(active: ActiveUpload): void {
    const { state, coverage } = active.record;
    if (state !== "arriving" || coverage.length > MAX_RANGES) return;
    const [oldest] = this.#idle.keys();
    if (this.#idle.size >= MAX_IDLE && oldest !== undefined) this.#idle.delete(oldest);
    this.#idle.set(active.id, active);
  }
}
