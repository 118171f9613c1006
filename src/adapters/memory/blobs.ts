// Blobs in memory: the reference for the contract, and a store for tests.

import type {
  BlobId,
  BlobStat,
  Blobs,
  ByteRange,
  Content,
  LocalFile,
  WrittenBlob,
} from "../../ports/blobs.ts";
import { abortable } from "../../wire/abortable.ts";
import { Fault } from "../../wire/faults.ts";

export class MemoryBlobs implements Blobs {
  readonly #bytes = new Map<BlobId, Uint8Array<ArrayBuffer>>();

  async put(
    id: BlobId,
    source: AsyncIterable<Uint8Array>,
    options: { readonly size?: number; readonly signal?: AbortSignal } = {},
  ): Promise<WrittenBlob> {
    const pieces: Uint8Array[] = [];
    for await (const piece of abortable(source, options.signal)) pieces.push(Uint8Array.from(piece));
    const bytes = new Uint8Array(Buffer.concat(pieces));
    this.adopt(id, bytes);
    return { id, size: bytes.length, sha256: Bun.SHA256.hash(bytes, "hex") };
  }

  /** Makes `bytes` the blob `id`. */
  adopt(id: BlobId, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#bytes.has(id)) throw new Fault("exists", `the blob ${id} exists already`);
    this.#bytes.set(id, bytes);
  }

  async open(id: BlobId, range?: ByteRange): Promise<Content> {
    const bytes = this.#bytes.get(id);
    if (!bytes) throw new Fault("not-found", `there is no blob ${id}`);
    const { start, end } = range ?? { start: 0, end: bytes.length };
    if (start < 0 || start > end || end > bytes.length) {
      throw new Fault("range", `bytes ${start} to ${end} lie outside the ${bytes.length} bytes of ${id}`);
    }
    return new Blob([bytes.subarray(start, end)]);
  }

  async stat(id: BlobId): Promise<BlobStat | undefined> {
    const bytes = this.#bytes.get(id);
    return bytes && { id, size: bytes.length };
  }

  async remove(id: BlobId): Promise<void> {
    this.#bytes.delete(id);
  }

  async *list(): AsyncGenerator<BlobStat> {
    for (const [id, bytes] of this.#bytes) yield { id, size: bytes.length };
  }

  async localFile(): Promise<LocalFile | undefined> {
    return undefined;
  }
}
