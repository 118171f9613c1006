// Whole immutable objects: the bytes of finished files.

/**
 * The name of a blob inside its store: 1 to 64 characters of `[a-z0-9-]`, chosen by our own code at random.
 * Never made from anything a caller sent, so it is safe as a file name and as an S3 key.
 */
export type BlobId = string;

export interface BlobStat {
  readonly id: BlobId;
  /** Bytes. */
  readonly size: number;
}

export interface WrittenBlob extends BlobStat {
  /** Of all the bytes, 64 lower-case hexadecimal digits; computed while they were written. */
  readonly sha256: string;
}

/** Bytes `start` (inclusive) to `end` (exclusive), 0 <= start <= end <= size. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Lazily read content: anything that a `Response` takes as its body. A `Blob` here is a handle, not bytes in
 * memory (`Bun.file(path).slice()` is one), so that a local file is sent by the kernel.
 */
export type Content = Blob | ReadableStream<Uint8Array>;

/** Where a blob lies on a local disk, for programs that read files themselves (DuckDB). Never shown to callers. */
export interface LocalFile {
  readonly path: string;
}

/**
 * Contract, for every adapter:
 * - A blob is absent or whole. While it is written, and after a crash in the middle, it is absent.
 * - `put` and `remove` are durable when they resolve.
 * - A blob never changes. A reader that has opened it gets all its bytes even if it is removed meanwhile,
 *   or an error; never a short or mixed body.
 * - Memory is bounded: nothing buffers a blob.
 * - Errors are Faults: `not-found`, `no-space`, `exists`, `unreachable`, `range`, `internal`.
 */
export interface Blobs {
  /**
   * Writes all of `source`, then makes the blob visible at once.
   *
   * `size`: the number of bytes if the caller knows it; lets an adapter choose a place, and is not a promise.
   * The memory of a piece may be used again when the next but one is asked for.
   * If `source` throws or `signal` aborts, nothing stays behind and the error is passed on.
   * Fault `exists` if the id is taken.
   */
  put(
    id: BlobId,
    source: AsyncIterable<Uint8Array>,
    options?: { readonly size?: number; readonly signal?: AbortSignal },
  ): Promise<WrittenBlob>;

  /** The bytes of `range`, or all of them. Fault `not-found`; Fault `range` if it lies outside the blob. */
  open(id: BlobId, range?: ByteRange): Promise<Content>;

  /** A miss is a value. */
  stat(id: BlobId): Promise<BlobStat | undefined>;

  /** Idempotent: removing what is not there succeeds. */
  remove(id: BlobId): Promise<void>;

  /** All blobs, in no particular order, in bounded memory. Blobs put or removed meanwhile may or may not appear. */
  list(): AsyncIterable<BlobStat>;

  /** The blob's place on a local disk, or undefined where it has none (in a database, on S3). */
  localFile(id: BlobId): Promise<LocalFile | undefined>;
}
