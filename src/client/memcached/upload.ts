// A store under way: what it was asked for, where its chunks go, and what has been sent so far.

import type { Digest } from "./digest.ts";
import type { Placement } from "./layout.ts";
import type { StoredFile } from "./manifest.ts";
import type { Settings } from "./settings.ts";
import type { Source, SourceReader } from "./source.ts";

export interface Progress {
  /** Bytes that the server has taken, or that were handed out. */
  readonly done: number;
  /** Bytes of the file; undefined for a stream of unknown size. */
  readonly total: number | undefined;
}

export interface StoreOptions {
  /** Stops the store; its chunks are removed and nothing is visible. The promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after every chunk. */
  readonly onProgress?: (progress: Progress) => void;
  /** Milliseconds until the server forgets the file, counted from now, rounded up to seconds; default: never. */
  readonly ttl?: number;
  /**
   * Switch a file of that name over to this one, atomically, and remove the old one's chunks; default false. `remove-first` removes the
   * old one before anything is sent, for servers without the memory for both: if the store then fails, neither is there.
   */
  readonly replace?: boolean | "remove-first";
  /** Bytes of a stream, if you know them: too large is then refused before a byte is sent, and any other length fails. */
  readonly size?: number;
  /**
   * Parity chunks for every group of chunks, 0 to 16; default 0. Any so many lost chunks of a group are computed again when
   * the file is read; over several servers they are spread so that any one server may die.
   */
  readonly parity?: number;
  /** Compress what becomes at least a tenth smaller by it (a sample decides); default: not. Readers need a runtime with zstd. */
  readonly compress?: "zstd";
}

export interface Stored extends StoredFile {
  /** The file that was there before: `complete` (with replace), `incomplete` (it had lost chunks), or null. */
  readonly replaced: "complete" | "incomplete" | null;
}

export interface Upload {
  readonly settings: Settings;
  readonly name: string;
  readonly key: string;
  readonly version: string;
  readonly chunkSize: number;
  /** Bytes that the server takes as a manifest, and as a part of its table. */
  readonly manifestMax: number;
  readonly partMax: number;
  readonly parity: number;
  readonly group: number;
  /** As the caller gave it. */
  readonly from: Source;
  /** Yields the bytes as they stand in the chunks. */
  readonly source: SourceReader;
  readonly original: Original;
  readonly encoding: StoredFile["encoding"];
  readonly options: StoreOptions;
  readonly startedAt: number;
  readonly placement: Placement;
  readonly chunks: Sent;
  readonly parities: Sent;
}

/** Of every chunk that may have reached its server, in order. */
export class Sent {
  readonly checksums: number[] = [];
  readonly salts: string[] = [];

  get count(): number {
    return this.checksums.length;
  }

  add(salt: string, checksum: number): void {
    this.salts.push(salt);
    this.checksums.push(checksum);
  }
}

/** The bytes of the file itself, before any compression: how many, and their SHA-256. */
export class Original {
  readonly #digest: Digest;
  readonly #check: (size: number) => void;
  size = 0;

  /** `check` throws when there are too many. */
  constructor(digest: Digest, check: (size: number) => void) {
    this.#digest = digest;
    this.#check = check;
  }

  /** The bytes are the caller's again when it resolves. */
  add(bytes: Uint8Array): Promise<void> {
    this.size += bytes.length;
    this.#check(this.size);
    return this.#digest.add(bytes);
  }

  /** Once, at the end. */
  digest(): Promise<string> {
    return this.#digest.finish();
  }

  /** It will not be finished. */
  drop(): void {
    this.#digest.drop();
  }
}
