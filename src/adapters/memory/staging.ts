// Staging in memory: the reference for the contract, and a store for tests.

import type { BlobId, ByteRange } from "../../ports/blobs.ts";
import type { StagedWrite, Staging, StagingId, StagingWrite } from "../../ports/staging.ts";
import { abortable } from "../../wire/abortable.ts";
import { Fault } from "../../wire/faults.ts";
import type { MemoryBlobs } from "./blobs.ts";

export class MemoryStaging implements Staging {
  readonly #staged = new Map<StagingId, Uint8Array<ArrayBuffer>>();
  readonly #blobs: MemoryBlobs;

  constructor(blobs: MemoryBlobs) {
    this.#blobs = blobs;
  }

  async create(): Promise<StagingId> {
    const id = crypto.randomUUID();
    this.#staged.set(id, new Uint8Array());
    return id;
  }

  joinsRecords(): boolean {
    return false;
  }

  async write(
    id: StagingId,
    offset: number,
    source: AsyncIterable<Uint8Array> | Uint8Array,
    { signal, onDurable }: StagingWrite = {},
  ): Promise<StagedWrite> {
    this.#require(id);
    let written = 0;
    try {
      for await (const piece of source instanceof Uint8Array ? [source] : abortable(source, signal)) {
        this.#place(id, offset + written, piece);
        written += piece.length;
        onDurable?.(written);
      }
    } catch (interrupted) {
      this.#require(id);
      return { written, interrupted };
    }
    return { written };
  }

  async *read(id: StagingId, range: ByteRange): AsyncGenerator<Uint8Array> {
    const bytes = this.#require(id);
    if (range.end > range.start) yield bytes.slice(range.start, range.end);
  }

  hashAhead(_id: StagingId, _size: number): void {
    // What is in memory is hashed when it is asked for.
  }

  async digest(id: StagingId, size: number): Promise<string> {
    const bytes = this.#require(id);
    if (bytes.length < size) throw lost(id, bytes.length, size);
    return new Bun.CryptoHasher("sha256").update(bytes.subarray(0, size)).digest("hex");
  }

  async commit(id: StagingId, size: number): Promise<BlobId> {
    const bytes = this.#staged.get(id);
    if (bytes) {
      if (bytes.length < size) throw lost(id, bytes.length, size);
      this.#blobs.adopt(id, bytes.slice(0, size));
      this.#staged.delete(id);
    } else if ((await this.#blobs.stat(id))?.size !== size) {
      this.#require(id);
    }
    return id;
  }

  async discard(id: StagingId): Promise<void> {
    this.#staged.delete(id);
  }

  async *list(): AsyncGenerator<StagingId> {
    yield* [...this.#staged.keys()];
  }

  #require(id: StagingId): Uint8Array<ArrayBuffer> {
    const bytes = this.#staged.get(id);
    if (!bytes) throw new Fault("not-found", `nothing is staged under ${id}`);
    return bytes;
  }

  #place(id: StagingId, offset: number, piece: Uint8Array): void {
    const old = this.#require(id);
    const bytes = new Uint8Array(Math.max(old.length, offset + piece.length));
    bytes.set(old);
    bytes.set(piece, offset);
    this.#staged.set(id, bytes);
  }
}

function lost(id: StagingId, found: number, size: number): Fault {
  return new Fault("corrupt", `staged ${id} has ${found} bytes, but ${size} were written to it`);
}
