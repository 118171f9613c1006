// Large files in memcached: the object that a program opens, with all that it can do.

import { collectGarbage, type Garbage, type GarbageOptions } from "./garbage.ts";
import { listFiles } from "./list.ts";
import { type StoredFile, storedFile } from "./manifest.ts";
import {
  openReading,
  type ReadOptions,
  type RetrieveOptions,
  readHead,
  type Verified,
  verifiedBytes,
  verifyChunks,
} from "./read.ts";
import { removeFile } from "./remove.ts";
import { type Repaired, type RepairOptions, repairFile } from "./repair.ts";
import { Retrieval } from "./retrieval.ts";
import { type LargeFilesOptions, readSettings, type Settings } from "./settings.ts";
import type { Source } from "./source.ts";
import { storeFile } from "./store.ts";
import type { Stored, StoreOptions } from "./upload.ts";

/**
 * Opens the large files of these servers. Nothing is connected yet: a server that is down is reported by the first call
 * that needs it (ServerUnreachable). Throws a Fault `invalid` that names a wrong option.
 *
 * ```ts
 * await using files = await openLargeFiles({ servers: ["127.0.0.1:11211"] });
 * await files.store("backups/monday", "/tmp/monday.tar");
 * for await (const bytes of await files.retrieve("backups/monday")) consume(bytes);
 * ```
 */
export async function openLargeFiles(options: LargeFilesOptions): Promise<LargeFiles> {
  return new LargeFiles(readSettings(options));
}

/**
 * A file is absent or whole: it becomes visible when its last byte is stored and every chunk was seen to be there, and
 * what is read is checked against its checksums. Any number of calls may run at once. Every method may also throw
 * ServerUnreachable, OutOfMemory, a Fault `invalid` for a name that cannot be one (it is well-formed text of 1 to 65,536
 * bytes), and the reason of its signal.
 */
export class LargeFiles implements AsyncDisposable {
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /**
   * Stores what the source yields. Throws AlreadyExists (unless `replace`; a file that has lost chunks is replaced in any
   * case, since nobody can read it), TooLarge, Evicted (the servers dropped chunks while they took others), or a Fault `conflict`
   * (the source has not the bytes it announced). After any failure nothing of it is visible, and its chunks are removed
   * as far as the servers still answer.
   */
  store(name: string, source: Source, options: StoreOptions = {}): Promise<Stored> {
    return storeFile(this.#settings, name, source, options);
  }

  /**
   * Opens a file for reading. Throws NotFound, Evicted, Corrupt before the first byte where that can be known. The bytes that it
   * yields are verified chunk by chunk; only an end without an error says that the file was whole. A file that is
   * replaced while it is opened is opened again once; one that is replaced while it is read throws Replaced.
   */
  async retrieve(name: string, options: RetrieveOptions = {}): Promise<Retrieval> {
    const opened = await openReading(this.#settings, name, options.signal);
    const read = (reuse: boolean) => verifiedBytes({ ...opened, rebuilt: [] }, { ...options, reuse });
    return new Retrieval(storedFile(opened.manifest), read, options.reuse ?? false);
  }

  /** What the manifest says, without looking for the chunks. Throws NotFound, Corrupt. */
  async stat(name: string): Promise<StoredFile> {
    return (await readHead(this.#settings, name)).file;
  }

  /** Reads every byte and checks it. Throws NotFound, Evicted, Corrupt (naming every damaged chunk), Replaced. */
  async verify(name: string, options: ReadOptions = {}): Promise<Verified> {
    return verifyChunks(await openReading(this.#settings, name, options.signal), options);
  }

  /**
   * Reads every chunk, and sends again only what is missing or damaged: computed from parity where there is enough, else from
   * `source`. What stays missing is in the result. Throws NotFound, Corrupt (the manifest), ServerUnreachable (all servers are needed), and a Fault
   * `mismatch` when the source is not what was stored.
   */
  repair(name: string, options: RepairOptions = {}): Promise<Repaired> {
    return repairFile(this.#settings, name, options);
  }

  /** Removes a file, also one that is incomplete or damaged. Throws NotFound. */
  remove(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return removeFile(this.#settings, name, options.signal);
  }

  /**
   * The files of these servers, in no particular order: not a snapshot. Needs servers that list their keys
   * (`lru_crawler metadump`); else a Fault `invalid`, or `busy` while another listing runs.
   */
  list(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<StoredFile, void, undefined> {
    return listFiles(this.#settings, options.signal);
  }

  /**
   * Removes what stores that died have left: chunks that no file names, last written or read at least `minAge` ms ago. Needs what `list` needs, and
   * every server.
   */
  collectGarbage(options: GarbageOptions = {}): Promise<Garbage> {
    return collectGarbage(this.#settings, options);
  }

  /** Closes the connections; calls that are under way fail. The process can end afterwards. */
  async close(): Promise<void> {
    this.#settings.servers.close();
    await this.#settings.digests.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
