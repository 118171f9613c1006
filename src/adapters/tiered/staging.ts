// Staging in two places: uploads whose declared size is small in one, all others in another.

import type { BlobId, ByteRange } from "../../ports/blobs.ts";
import type { StagedBytes, StagedWrite, Staging, StagingId, StagingWrite } from "../../ports/staging.ts";

export interface TieredStagingOptions {
  /** Takes uploads of at most `limit` bytes. */
  readonly small: Staging;
  /** Takes larger ones, and those of unknown size. */
  readonly large: Staging;
  readonly limit: number;
  /** Tells the ids of `small` from those of `large`. */
  readonly isSmall: (id: StagingId) => boolean;
}

export class TieredStaging implements Staging {
  readonly #small: Staging;
  readonly #large: Staging;
  readonly #limit: number;
  readonly #isSmall: (id: StagingId) => boolean;

  constructor({ small, large, limit, isSmall }: TieredStagingOptions) {
    this.#small = small;
    this.#large = large;
    this.#limit = limit;
    this.#isSmall = isSmall;
  }

  create(options: { readonly size?: number }): Promise<StagingId> {
    const isSmallUpload = options.size !== undefined && options.size <= this.#limit;
    return (isSmallUpload ? this.#small : this.#large).create(options);
  }

  joinsRecords(id: StagingId): boolean {
    return this.#of(id).joinsRecords(id);
  }

  write(
    id: StagingId,
    offset: number,
    source: AsyncIterable<Uint8Array> | Uint8Array,
    options?: StagingWrite,
  ): Promise<StagedWrite> {
    return this.#of(id).write(id, offset, source, options);
  }

  read(id: StagingId, range: ByteRange): AsyncIterable<Uint8Array> {
    return this.#of(id).read(id, range);
  }

  hashAhead(id: StagingId, size: number): void {
    this.#of(id).hashAhead(id, size);
  }

  digest(id: StagingId, size: number, last?: StagedBytes): Promise<string> {
    return this.#of(id).digest(id, size, last);
  }

  commit(id: StagingId, size: number): Promise<BlobId> {
    return this.#of(id).commit(id, size);
  }

  discard(id: StagingId): Promise<void> {
    return this.#of(id).discard(id);
  }

  async *list(): AsyncGenerator<StagingId> {
    yield* this.#small.list();
    yield* this.#large.list();
  }

  #of(id: StagingId): Staging {
    return this.#isSmall(id) ? this.#small : this.#large;
  }
}
