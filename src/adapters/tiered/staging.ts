// Staging in two places: uploads whose declared size is small in one, all others in another.

import type { BlobId, ByteRange } from "../../ports/blobs.ts";
import type { StagedWrite, Staging, StagingId, StagingWrite } from "../../ports/staging.ts";
import { innerId, isSmall, markSmall } from "./mark.ts";

export class TieredStaging implements Staging {
  readonly #small: Staging;
  readonly #large: Staging;
  readonly #limit: number;

  /** Uploads of at most `limit` bytes go to `small`; larger ones and those of unknown size to `large`. */
  constructor(small: Staging, large: Staging, limit: number) {
    this.#small = small;
    this.#large = large;
    this.#limit = limit;
  }

  async create(options: { readonly size?: number }): Promise<StagingId> {
    const isSmallUpload = options.size !== undefined && options.size <= this.#limit;
    return isSmallUpload ? markSmall(await this.#small.create(options)) : this.#large.create(options);
  }

  joinsRecords(id: StagingId): boolean {
    return this.#of(id).joinsRecords(innerId(id));
  }

  write(
    id: StagingId,
    offset: number,
    source: AsyncIterable<Uint8Array> | Uint8Array,
    options?: StagingWrite,
  ): Promise<StagedWrite> {
    return this.#of(id).write(innerId(id), offset, source, options);
  }

  read(id: StagingId, range: ByteRange): AsyncIterable<Uint8Array> {
    return this.#of(id).read(innerId(id), range);
  }

  hashAhead(id: StagingId, size: number): void {
    this.#of(id).hashAhead(innerId(id), size);
  }

  digest(id: StagingId, size: number): Promise<string> {
    return this.#of(id).digest(innerId(id), size);
  }

  async commit(id: StagingId, size: number): Promise<BlobId> {
    const blob = await this.#of(id).commit(innerId(id), size);
    return isSmall(id) ? markSmall(blob) : blob;
  }

  discard(id: StagingId): Promise<void> {
    return this.#of(id).discard(innerId(id));
  }

  async *list(): AsyncGenerator<StagingId> {
    for await (const id of this.#small.list()) yield markSmall(id);
    yield* this.#large.list();
  }

  #of(id: StagingId): Staging {
    return isSmall(id) ? this.#small : this.#large;
  }
}
