// Files: finished, immutable, named; their bytes are blobs, which files may share.

import type { BlobId, Blobs, ByteRange, Content, LocalFile } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { FileRecord, Page, PageQuery, Records } from "../../ports/records.ts";
import { Fault, isFault } from "../../wire/faults.ts";
import { fileName } from "./names.ts";

export interface NewFile {
  /** Ours; given where a repeated attempt must find itself. A random one by default. */
  readonly id?: string;
  readonly name: string;
  readonly mediaType: string;
  /** Where it comes from, e.g. `job:<id>`. */
  readonly origin: string;
  /** Milliseconds since 1970; never by default. */
  readonly expiresAt?: number | null;
}

/** A file whose bytes are a blob already. */
export interface WrittenFile extends NewFile {
  /** Ours; given where a repeated registration must find itself. */
  readonly id: string;
  readonly size: number;
  readonly sha256: string;
  readonly blob: BlobId;
}

export interface FilesOptions {
  readonly blobs: Blobs;
  readonly records: Records;
  readonly clock: Clock;
  readonly log: Log;
  /** The id of the blob of a file that is stored; a random one by default. It may tell an adapter where it belongs. */
  readonly blobIdOf?: (file: NewFile) => BlobId;
}

export class Files {
  readonly #blobs: Blobs;
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #blobIdOf: (file: NewFile) => BlobId;
  #suspects = new Set<BlobId>();

  constructor({ blobs, records, clock, log, blobIdOf = () => crypto.randomUUID() }: FilesOptions) {
    this.#blobIdOf = blobIdOf;
    this.#blobs = blobs;
    this.#records = records;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Makes a blob a file. When a file with the same bytes is there, they share its blob, and this one is removed. Doing
   * so again with the same id returns the file that is there.
   */
  async register(file: WrittenFile): Promise<FileRecord> {
    const record = this.draft(file);
    let shared: FileRecord | undefined;
    try {
      shared = await this.#share(record);
      if (!shared) await this.#records.insert("files", record);
    } catch (error) {
      const known = isFault(error, "exists") ? await this.get(record.id) : undefined;
      if (known) return known;
      throw error;
    }
    this.announce(record);
    return shared ?? record;
  }

  /** The record that `file` will have; nothing is stored. Fault `invalid` when its name names no file. */
  draft({ id, mediaType, origin, size, sha256, blob, name, expiresAt = null }: WrittenFile): FileRecord {
    const now = this.#clock.now();
    const times = { createdAt: now, updatedAt: now, expiresAt };
    return { id, version: 1, name: fileName(name), size, sha256, mediaType, blob, origin, ...times };
  }

  /** To be called when a drafted file was stored by others. */
  announce({ id, name, size, sha256, origin }: FileRecord): void {
    this.#log.info("file.stored", { id, name, size, sha256, origin });
  }

  /** A file with these bytes, by their digest; of this origin if one is given. */
  twin(sha256: string, origin?: string): Promise<FileRecord | undefined> {
    return this.#records.twin(sha256, origin);
  }

  /** Registers `record` with the blob of a file that has the same bytes; undefined if there is none. */
  async #share(record: FileRecord): Promise<FileRecord | undefined> {
    const twin = await this.#records.twin(record.sha256);
    if (twin?.size !== record.size || twin.blob === record.blob) return undefined;
    const shared = { ...record, blob: twin.blob };
    try {
      await this.#records.insertSharing(shared);
    } catch (error) {
      // The twin was removed meanwhile, so these bytes are needed.
      if (isFault(error, "conflict")) return undefined;
      throw error;
    }
    await this.#blobs.remove(record.blob);
    return shared;
  }

  /** Stores all of `source` as a file: absent until it is whole. */
  async store(
    file: NewFile,
    source: AsyncIterable<Uint8Array>,
    options: { readonly signal?: AbortSignal; readonly size?: number } = {},
  ): Promise<FileRecord> {
    fileName(file.name);
    const blob = this.#blobIdOf(file);
    const { size, sha256 } = await this.#blobs.put(blob, source, options);
    return this.register({ ...file, id: file.id ?? crypto.randomUUID(), size, sha256, blob });
  }

  get(id: string): Promise<FileRecord | undefined> {
    return this.#records.get("files", id);
  }

  /** The file `id`, or Fault `not-found`. */
  async require(id: string): Promise<FileRecord> {
    const record = await this.get(id);
    if (record) return record;
    throw new Fault("not-found", `there is no file ${JSON.stringify(id.slice(0, 80))}`);
  }

  page(query: PageQuery): Promise<Page<FileRecord>> {
    return this.#records.page("files", query);
  }

  /** The bytes of `range`, or all of them; they stay readable to the end if the file is removed meanwhile. */
  open(file: FileRecord, range?: ByteRange): Promise<Content> {
    return this.#blobs.open(file.blob, range);
  }

  /** The same bytes as pieces, for readers that are not a response. */
  async *read(file: Pick<FileRecord, "blob">, range?: ByteRange): AsyncGenerator<Uint8Array> {
    const content = await this.#blobs.open(file.blob, range);
    yield* content instanceof Blob ? content.stream() : content;
  }

  /** Where the bytes lie on a local disk, or undefined. */
  localFile(file: FileRecord): Promise<LocalFile | undefined> {
    return this.#blobs.localFile(file.blob);
  }

  async rename(id: string, name: string): Promise<FileRecord> {
    const valid = fileName(name);
    for (;;) {
      const record = await this.require(id);
      const next = { ...record, name: valid, updatedAt: this.#clock.now() };
      const replaced = await onConflict(this.#records.replace("files", next));
      if (replaced) return replaced;
    }
  }

  /** Removes the file, and its bytes with the last file that shares them. Fault `not-found`. */
  async remove(id: string): Promise<void> {
    for (;;) {
      const record = await this.require(id);
      const removed = await onConflict(this.#records.remove("files", id, record.version).then(() => true));
      if (!removed) continue;
      if (!(await this.#isShared(record.blob))) await this.#blobs.remove(record.blob);
      this.#log.info("file.removed", { id, name: record.name });
      return;
    }
  }

  /** Removes up to `limit` files whose time is over; returns how many. */
  async sweep(limit = 1000): Promise<number> {
    const expired = await this.#records.expired("files", this.#clock.now(), limit);
    for (const { id } of expired) {
      await this.remove(id).catch((error) => {
        if (!isFault(error, "not-found")) throw error;
      });
    }
    return expired.length;
  }

  /**
   * Removes blobs that no file has, left by crashes between writing a blob and registering its file.
   * A blob goes when two calls in a row found it alone, since a file that is being stored looks the same for a
   * moment: call it rarely, with minutes in between. Returns how many were removed.
   */
  async collect(): Promise<number> {
    const alone = new Set<BlobId>();
    let removed = 0;
    for await (const { id } of this.#blobs.list()) {
      if (await this.#isShared(id)) continue;
      if (!this.#suspects.has(id)) {
        // The bound on what is remembered; the rest gets its turn later.
        if (alone.size < 10_000) alone.add(id);
        continue;
      }
      await this.#blobs.remove(id);
      removed++;
      this.#log.warn("blob.collected", { id });
    }
    this.#suspects = alone;
    return removed;
  }

  async #isShared(blob: BlobId): Promise<boolean> {
    const { records } = await this.#records.page("files", { limit: 1, blob });
    return records.length > 0;
  }
}

/** The value, or undefined when somebody else was faster and the step has to be repeated on the new record. */
async function onConflict<T>(change: Promise<T>): Promise<T | undefined> {
  try {
    return await change;
  } catch (error) {
    if (isFault(error, "conflict")) return undefined;
    throw error;
  }
}
