// A named source of objects to read: a folder, or an S3 bucket with a prefix.

import type { ByteRange, LocalFile } from "./blobs.ts";

export interface BucketObject {
  /** With `/` between folders, without a leading one; as the bucket spells it. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

export interface ObjectPage {
  /** In ascending order of the names' UTF-8 bytes. */
  readonly objects: readonly BucketObject[];
  /** Give it as `after` to get the next page; null on the last. */
  readonly next: string | null;
}

/**
 * Contract, for every adapter:
 * - Only reads. Nothing of ours is ever written into the source bucket.
 * - Lists are paged and may hold millions of names; a page has at most 1,000.
 * - A source that does not exist is Fault `not-found`, naming the folder or bucket; an empty one is an empty page.
 * - Names cannot lead outside the source (`..`, absolute paths, links that point out): Fault `invalid`.
 * - Errors are Faults: `not-found`, `invalid`, `range`, `replaced` (changed while it was read, where that can be told),
 *   `forbidden`, `unreachable`, `internal`.
 */
export interface Bucket {
  /** For messages: `folder /var/logs`, `s3://bucket/prefix`. */
  readonly description: string;

  /** Objects whose name begins with `prefix` (may be empty) and comes after the name `after`. */
  list(prefix: string, after?: string, signal?: AbortSignal): Promise<ObjectPage>;

  /**
   * The bytes of one object, in pieces of up to about 256 KiB, read as they are asked for: an idle reader
   * costs no more than one piece. Survives a peer that closes an idle connection.
   */
  open(name: string, range?: ByteRange, signal?: AbortSignal): AsyncIterable<Uint8Array>;

  /** Where the object lies as a file of this machine, for readers that read files themselves; undefined if it does not. */
  localFile(name: string): Promise<LocalFile | undefined>;
}
