// Bytes still arriving: written at any offset in any order, then committed as one blob.

import type { BlobId, ByteRange } from "./blobs.ts";

/** Chosen by our own code at random, `[a-z0-9-]{1,64}`; never made from anything a caller sent. */
export type StagingId = string;

/** Bytes of an upload that are in memory, at most what its staging holds, and where they belong. */
export interface StagedBytes {
  readonly start: number;
  readonly bytes: Uint8Array;
}

export interface StagedWrite {
  /** Bytes that are now durable, counted from the write's offset without a gap. */
  readonly written: number;
  /**
   * Set when the source ended with an error (the client went away, or the signal aborted): what had arrived
   * by then is counted in `written`, and durable.
   */
  readonly interrupted?: unknown;
}

export interface StagingWrite {
  /** Interrupts the source when it is aborted, even while it waits. */
  readonly signal?: AbortSignal | undefined;
  /**
   * May be told, while a long write goes on, how many of its bytes are durable already, counted from its offset; never less
   * than before, and never after `write` has ended.
   */
  readonly onDurable?: (written: number) => void;
  /** The source's pieces are given away: nobody reads them again, so the store may free their memory once they are written. */
  readonly isGiven?: boolean | undefined;
}

/**
 * Contract, for every adapter:
 * - When `write` resolves, its bytes are on disk (fsync, or the store's own promise) and survive a crash.
 * - Writes to one id may overlap in time and in place; the caller sees to it that overlapping ranges carry
 *   equal bytes. Concurrent writes to disjoint ranges are independent.
 * - Staging knows bytes only. Which ranges are covered is the ledger's business (ports/records.ts); bytes that
 *   the ledger does not list may be there after a crash, and are overwritten later.
 * - `commit` is atomic: the id is a blob afterwards, or still staged. It copies no bytes where the technology
 *   can rename or complete a multipart upload.
 * - Memory is bounded: a slow reader of the disk slows the source down, nothing buffers an upload.
 * - Errors are Faults: `not-found` (never created, discarded, or committed), `no-space`, `too-large` (more than the
 *   store can hold in one), `unreachable`, `internal`.
 */
export interface Staging {
  /**
   * Opens a place for the bytes of one upload, durable at the latest with the first write to it.
   *
   * `size`: the final number of bytes if it is known; lets an adapter choose a place or part size.
   * Returns the id under which it is written (an adapter may mark it with the place it chose).
   */
  create(options: { readonly size?: number }): Promise<StagingId>;

  /**
   * True when bytes in memory can be staged as `id` in one commit with what lists them (`Records.replace`), and with the file
   * that they complete (`Records.finish`).
   */
  joinsRecords(id: StagingId): boolean;

  /**
   * Writes the bytes of `source` from `offset` on, in order.
   *
   * A source that throws is not an error of this call, see `StagedWrite`. A disk that is full is: Fault
   * `no-space`, and the bytes of this call are as if never written.
   */
  write(
    id: StagingId,
    offset: number,
    source: AsyncIterable<Uint8Array> | Uint8Array,
    options?: StagingWrite,
  ): Promise<StagedWrite>;

  /** Reads staged bytes back: to hash the last of them, or to compare a repeated chunk. The caller asks only for covered ranges. */
  read(id: StagingId, range: ByteRange): AsyncIterable<Uint8Array>;

  /**
   * Tells that the first `size` bytes are all there and will not be written again, so that they can be hashed while the rest
   * arrives. A hint: nothing needs to come of it but a `digest` that takes less time.
   */
  hashAhead(id: StagingId, size: number): void;

  /**
   * The SHA-256 of the first `size` bytes, all of them covered, as 64 lower-case hexadecimal digits. However many they are,
   * other work of the process goes on meanwhile.
   *
   * `last`: bytes that belong to them and were not written. Only where `joinsRecords` allows it.
   *
   * Fault `corrupt` if the store holds fewer bytes.
   */
  digest(id: StagingId, size: number, last?: StagedBytes): Promise<string>;

  /**
   * Turns the first `size` bytes into a blob, durably, and forgets the staging id. Returns the blob's id, which is
   * the staging id. Repeating it after a crash returns the blob again, so that the steps after it can be repaired.
   *
   * Fault `corrupt` if the store holds fewer bytes, where it can tell.
   */
  commit(id: StagingId, size: number): Promise<BlobId>;

  /** Idempotent: discarding what is not there succeeds. */
  discard(id: StagingId): Promise<void>;

  /** All staging ids, in bounded memory, so that leftovers of crashes can be found and discarded. */
  list(): AsyncIterable<StagingId>;
}
