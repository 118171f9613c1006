// Blobs in two places: small ones, known by their id, in one store; all others in another.

import type {
  BlobId,
  BlobStat,
  Blobs,
  ByteRange,
  Content,
  LocalFile,
  WrittenBlob,
} from "../../ports/blobs.ts";

export class TieredBlobs implements Blobs {
  readonly #small: Blobs;
  readonly #large: Blobs;
  readonly #isSmall: (id: BlobId) => boolean;

  /** `isSmall` tells the ids of `small` from those of `large`. */
  constructor(small: Blobs, large: Blobs, isSmall: (id: BlobId) => boolean) {
    this.#small = small;
    this.#large = large;
    this.#isSmall = isSmall;
  }

  put(
    id: BlobId,
    source: AsyncIterable<Uint8Array>,
    options?: { readonly size?: number; readonly signal?: AbortSignal },
  ): Promise<WrittenBlob> {
    return this.#of(id).put(id, source, options);
  }

  open(id: BlobId, range?: ByteRange): Promise<Content> {
    return this.#of(id).open(id, range);
  }

  stat(id: BlobId): Promise<BlobStat | undefined> {
    return this.#of(id).stat(id);
  }

  remove(id: BlobId): Promise<void> {
    return this.#of(id).remove(id);
  }

  async *list(): AsyncGenerator<BlobStat> {
    yield* this.#small.list();
    yield* this.#large.list();
  }

  localFile(id: BlobId): Promise<LocalFile | undefined> {
    return this.#of(id).localFile(id);
  }

  #of(id: BlobId): Blobs {
    return this.#isSmall(id) ? this.#small : this.#large;
  }
}
