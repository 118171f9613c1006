// Blobs in two places: small ones, known by the mark of their id, in one store; all others in another.

import type {
  BlobId,
  BlobStat,
  Blobs,
  ByteRange,
  Content,
  LocalFile,
  WrittenBlob,
} from "../../ports/blobs.ts";
import { innerId, isSmall, markSmall } from "./mark.ts";

export class TieredBlobs implements Blobs {
  readonly #small: Blobs;
  readonly #large: Blobs;

  constructor(small: Blobs, large: Blobs) {
    this.#small = small;
    this.#large = large;
  }

  async put(
    id: BlobId,
    source: AsyncIterable<Uint8Array>,
    options?: { readonly size?: number; readonly signal?: AbortSignal },
  ): Promise<WrittenBlob> {
    const written = await this.#of(id).put(innerId(id), source, options);
    return { ...written, id };
  }

  open(id: BlobId, range?: ByteRange): Promise<Content> {
    return this.#of(id).open(innerId(id), range);
  }

  async stat(id: BlobId): Promise<BlobStat | undefined> {
    const found = await this.#of(id).stat(innerId(id));
    return found && { ...found, id };
  }

  remove(id: BlobId): Promise<void> {
    return this.#of(id).remove(innerId(id));
  }

  async *list(): AsyncGenerator<BlobStat> {
    for await (const found of this.#small.list()) yield { ...found, id: markSmall(found.id) };
    yield* this.#large.list();
  }

  localFile(id: BlobId): Promise<LocalFile | undefined> {
    return this.#of(id).localFile(innerId(id));
  }

  #of(id: BlobId): Blobs {
    return isSmall(id) ? this.#small : this.#large;
  }
}
