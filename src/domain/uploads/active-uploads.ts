// The uploads that requests work on now: all requests for one upload share its reservations and its ledger.

import type { UploadRecord } from "../../ports/records.ts";
import type { StagingId } from "../../ports/staging.ts";
import { Fault } from "../../wire/faults.ts";
import { ActiveUpload, type ActiveUploadOptions } from "./active-upload.ts";
import { RunningDigest } from "./digest.ts";

/** Uploads whose running digest is kept between two chunks. */
const MAX_DIGESTS = 1000;

interface Shared {
  /** Requests that hold it, or wait for it to be loaded. */
  users: number;
  readonly loading: Promise<ActiveUpload>;
}

export class ActiveUploads {
  readonly #options: ActiveUploadOptions;
  readonly #shared = new Map<string, Shared>();
  readonly #digests = new Map<StagingId, RunningDigest>();

  constructor(options: ActiveUploadOptions) {
    this.#options = options;
  }

  /** Runs `work` on the one `ActiveUpload` of `id`. Fault `not-found`. */
  async with<T>(id: string, work: (active: ActiveUpload) => Promise<T>): Promise<T> {
    const shared = this.#shared.get(id) ?? { users: 0, loading: this.#load(id) };
    this.#shared.set(id, shared);
    shared.users++;
    try {
      return await work(await shared.loading);
    } finally {
      shared.users--;
      if (shared.users === 0) {
        if (this.#shared.get(id) === shared) this.#shared.delete(id);
        await shared.loading.then(
          (active) => this.#keepDigest(active),
          // It was never loaded, which the caller has been told.
          () => undefined,
        );
      }
    }
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
    this.#digests.delete(upload.staging);
  }

  async #load(id: string): Promise<ActiveUpload> {
    const record = await this.#options.records.get("uploads", id);
    if (!record) throw unknownUpload(id);
    const active = new ActiveUpload(record, this.#options);
    active.digest = this.#digests.get(record.staging) ?? new RunningDigest();
    this.#digests.delete(record.staging);
    return active;
  }

  #keepDigest({ record, digest }: ActiveUpload): void {
    if (record.state !== "arriving" || !digest || digest.position === 0) return;
    const [oldest] = this.#digests.keys();
    if (this.#digests.size >= MAX_DIGESTS && oldest !== undefined) this.#digests.delete(oldest);
    this.#digests.set(record.staging, digest);
  }
}

/** The fault of an id that no upload has. */
export function unknownUpload(id: string): Fault {
  return new Fault("not-found", `there is no upload ${JSON.stringify(id.slice(0, 100).toWellFormed())}`);
}
