// Staging in a folder: one file per upload, written at any offset, synced before a write is acknowledged.

import { createReadStream } from "node:fs";
import { type FileHandle, open, opendir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BlobId, ByteRange } from "../../ports/blobs.ts";
import type { StagedWrite, Staging, StagingId, StagingWrite } from "../../ports/staging.ts";
import { EarlySync } from "../../wire/early-sync.ts";
import { Fault, toFault } from "../../wire/faults.ts";
import type { DiskBlobs } from "./blobs.ts";
import { isMissing, makeFolder, safeName, syncFolder, writePieces } from "./durable.ts";
import { FileDigests } from "./file-digests.ts";
import { SharedSync } from "./shared-sync.ts";

/**
 * Bytes, of all uploads together, after which pieces that may not be freed when they are written are collected. Their memory
 * is outside the collector's heap, so by itself it waits too long.
 */
const COLLECT = 16 * 1_048_576;

export class DiskStaging implements Staging {
  readonly #folder: string;
  readonly #blobs: DiskBlobs;
  readonly #digests = new FileDigests();
  readonly #writers = new Map<StagingId, Writer>();

  private constructor(root: string, blobs: DiskBlobs) {
    this.#folder = join(root, "staging");
    this.#blobs = blobs;
  }

  /** Opens or creates the staging folder in `root`; commits become blobs of `blobs`, on the same disk. */
  static async open(root: string, blobs: DiskBlobs): Promise<DiskStaging> {
    const staging = new DiskStaging(root, blobs);
    await makeFolder(staging.#folder).catch(rethrow);
    return staging;
  }

  async create(): Promise<StagingId> {
    const id = crypto.randomUUID();
    try {
      await (await open(this.#path(id), "wx")).close();
      await syncFolder(this.#folder);
    } catch (error) {
      throw toFault(error);
    }
    return id;
  }

  joinsRecords(): boolean {
    return false;
  }

  async write(
    id: StagingId,
    offset: number,
    source: AsyncIterable<Uint8Array> | Uint8Array,
    { signal, onDurable, isGiven }: StagingWrite = {},
  ): Promise<StagedWrite> {
    const writer = await this.#enter(id);
    try {
      const early = new EarlySync(() => writer.sync(), onDurable);
      const onWritten = (bytes: number) => {
        if (!isGiven) collectAfter(bytes);
        early.written(bytes);
      };
      const result = await writePieces(writer.handle, offset, source, { signal, onWritten, isGiven });
      await early.settle();
      if (result.written > 0) await writer.sync();
      return result;
    } catch (error) {
      throw toFault(error);
    } finally {
      await this.#leave(id, writer);
    }
  }

  async *read(id: StagingId, range: ByteRange): AsyncGenerator<Uint8Array> {
    if (range.start === range.end) return;
    const options = { start: range.start, end: range.end - 1, highWaterMark: 256 * 1024 };
    try {
      yield* createReadStream(this.#path(id), options) as AsyncIterable<Uint8Array>;
    } catch (error) {
      throw isMissing(error) ? unknown(id, error) : toFault(error);
    }
  }

  hashAhead(id: StagingId, size: number): void {
    this.#digests.ahead({ id, path: this.#path(id), size });
  }

  async digest(id: StagingId, size: number): Promise<string> {
    const answer = await this.#digests.digest({ id, path: this.#path(id), size });
    if (answer.kind === "digest") return answer.sha256;
    if (answer.kind === "short") throw lost(id, answer.size, size);
    const { code, message } = answer;
    const error = Object.assign(new Error(message), { code });
    throw isMissing(error) ? unknown(id, error) : toFault(error);
  }

  async commit(id: StagingId, size: number): Promise<BlobId> {
    try {
      await this.#trim(id, size);
      await this.#blobs.adopt(id, this.#path(id));
      await syncFolder(this.#folder);
      this.#digests.forget(id);
      return id;
    } catch (error) {
      if (!isMissing(error)) throw toFault(error);
      // A crash, or another node, may have come between this step and the caller's next one.
      const committed = await this.#blobs.stat(id);
      if (committed?.size !== size) throw unknown(id, error);
      await this.#settle(id);
      return id;
    }
  }

  async discard(id: StagingId): Promise<void> {
    this.#digests.forget(id);
    try {
      await rm(this.#path(id));
      await syncFolder(this.#folder);
    } catch (error) {
      if (!isMissing(error)) throw toFault(error);
    }
  }

  async *list(): AsyncGenerator<StagingId> {
    for await (const entry of await opendir(this.#folder)) yield entry.name;
  }

  /** It was renamed by an attempt that may have failed right after: until both folders are synced, a power cut takes that back. */
  async #settle(id: StagingId): Promise<void> {
    try {
      await this.#blobs.settle(id);
      await syncFolder(this.#folder);
    } catch (error) {
      throw toFault(error);
    }
  }

  /** Cuts what a longer write left behind the end; a file that is too short has lost bytes that were acknowledged. */
  async #trim(id: StagingId, size: number): Promise<void> {
    const found = await stat(this.#path(id));
    if (found.size === size) return;
    if (found.size < size) throw lost(id, found.size, size);
    await using handle = await open(this.#path(id), "r+");
    await handle.truncate(size);
    await handle.sync();
  }

  async #enter(id: StagingId): Promise<Writer> {
    const known = this.#writers.get(id);
    if (known) {
      known.users++;
      return known;
    }
    const handle = await open(this.#path(id), "r+").catch((error) => {
      throw isMissing(error) ? unknown(id, error) : toFault(error);
    });
    const writer = this.#writers.get(id) ?? new Writer(handle);
    // Entered before anything is awaited: the last one who leaves closes the handle.
    writer.users++;
    this.#writers.set(id, writer);
    // Two callers may have opened at once; the second shares the first one's handle.
    if (writer.handle !== handle) await handle.close();
    return writer;
  }

  async #leave(id: StagingId, writer: Writer): Promise<void> {
    if (--writer.users > 0) return;
    if (this.#writers.get(id) === writer) this.#writers.delete(id);
    await writer.handle.close();
  }

  #path(id: StagingId): string {
    return join(this.#folder, safeName(id));
  }
}

/** One open file and its writers, who share its syncs. */
class Writer {
  readonly handle: FileHandle;
  users = 0;
  readonly #syncs: SharedSync;

  constructor(handle: FileHandle) {
    this.handle = handle;
    this.#syncs = new SharedSync(() => handle.datasync());
  }

  sync(): Promise<void> {
    return this.#syncs.run();
  }
}

let uncollected = 0;

function collectAfter(bytes: number): void {
  uncollected += bytes;
  if (uncollected < COLLECT) return;
  uncollected = 0;
  Bun.gc(false);
}

function lost(id: StagingId, found: number, size: number): Fault {
  return new Fault("corrupt", `staged file ${id} has ${found} bytes, but ${size} were written to it`);
}

function unknown(id: StagingId, cause: unknown): Fault {
  return new Fault("not-found", `nothing is staged under ${id}`, { cause });
}

function rethrow(error: unknown): never {
  throw toFault(error);
}
