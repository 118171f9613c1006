// Writes a file from its beginning to its end: what is long goes past the system's cache, straight to the disk.
//
// Each page of a file that is written through the cache has to be found, filled, written back and taken from another file: from
// those that are merged into it, say. A merge of 10 GB on two threads took 30 s so, 28 of them in the system, and 13 to 17 s
// without. It stands here for the same reason as early-sync.ts.

import { EarlySync } from "./early-sync.ts";

/** An open file, as node:fs has it. */
export interface OpenFile {
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

export interface FileOutputOptions {
  /** Opens the same file once more, with `O_DIRECT`. Where that fails, all of it is written through the cache. */
  readonly openDirect: () => Promise<OpenFile>;
  /** Bytes that are written through the cache first; default 2 GiB. Who reads such a file next finds it there. */
  readonly cached?: number;
}

const CACHED = 2_048 * 1_048_576;
/** Where direct writes begin and end, in the file: a multiple of what any disk asks for. */
const BLOCK = 4_096;
/** Bytes of one direct write. The memory of so long a buffer begins with a page, as direct writes ask for, too. */
const CHUNK = 1_048_576;

/** The open file stays its caller's: to be synced and closed when this is disposed of. */
export class FileOutput implements AsyncDisposable {
  readonly #file: OpenFile;
  readonly #openDirect: () => Promise<OpenFile>;
  readonly #early: EarlySync;
  /** Bytes of the file that are, or will be, written through the cache. */
  #cached: number;
  #written = 0;
  #direct: DirectWriter | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(file: OpenFile, { openDirect, cached = CACHED }: FileOutputOptions) {
    this.#file = file;
    this.#openDirect = openDirect;
    this.#early = new EarlySync(() => file.datasync());
    this.#cached = Math.ceil(cached / BLOCK) * BLOCK;
  }

  /** One after another. The bytes may change when it resolves; it throws what failed of those before, too. */
  write(bytes: Uint8Array): Promise<void> {
    this.#running = this.#write(bytes);
    return this.#running;
  }

  /** All bytes are in the file. Nothing is promised of the disk before it is synced. */
  async end(): Promise<void> {
    await this.#direct?.end();
    await this.#early.settle();
  }

  /** Nothing writes to the file any more, whatever failed or was not waited for. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running.catch(() => undefined);
    const direct = this.#direct;
    this.#direct = undefined;
    await direct?.close();
    // Who ended it was told; of what was given up nobody needs to know.
    await this.#early.settle().catch(() => undefined);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0 && !this.#direct) {
      if (this.#written === this.#cached) await this.#begin();
      else rest = await this.#writeSome(rest);
    }
    await this.#direct?.write(rest);
  }

  /** Writes what may go through the cache; returns what is left. */
  async #writeSome(bytes: Uint8Array): Promise<Uint8Array> {
    const some = bytes.subarray(0, this.#cached - this.#written);
    await this.#writeCached(some, this.#written);
    this.#written += some.length;
    return bytes.subarray(some.length);
  }

  async #begin(): Promise<void> {
    try {
      const cached = (bytes: Uint8Array, position: number) => this.#writeCached(bytes, position);
      this.#direct = new DirectWriter(await this.#openDirect(), cached, this.#written);
    } catch {
      // Not on this system, this kind of disk, or by these permissions: the cache is always there.
      this.#cached = Number.POSITIVE_INFINITY;
    }
  }

  async #writeCached(bytes: Uint8Array, position: number): Promise<void> {
    await writeFully(this.#file, bytes, position);
    this.#early.written(bytes.length);
  }
}

type Write = (bytes: Uint8Array, position: number) => Promise<void>;

/** Gathers chunks; while one is written, the next is filled. */
class DirectWriter {
  readonly #file: OpenFile;
  readonly #writeCached: Write;
  #position: number;
  #chunk = new Uint8Array(CHUNK);
  #filled = 0;
  #spare = new Uint8Array(CHUNK);
  #writing: Promise<void> = Promise.resolve();
  #isRefused = false;

  constructor(file: OpenFile, writeCached: Write, position: number) {
    this.#file = file;
    this.#writeCached = writeCached;
    this.#position = position;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0; ) {
      const taken = rest.subarray(0, CHUNK - this.#filled);
      this.#chunk.set(taken, this.#filled);
      this.#filled += taken.length;
      rest = rest.subarray(taken.length);
      if (this.#filled === CHUNK) await this.#pass();
    }
  }

  async end(): Promise<void> {
    await this.#writing;
    await this.#writeCached(this.#chunk.subarray(0, this.#filled), this.#position);
    this.#position += this.#filled;
    this.#filled = 0;
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#file.close();
  }

  async #pass(): Promise<void> {
    await this.#writing;
    this.#writing = this.#writeChunk(this.#chunk, this.#position);
    // It is awaited with the next chunk, or at the end; until then its error waits with it.
    this.#writing.catch(() => undefined);
    this.#position += CHUNK;
    this.#filled = 0;
    [this.#chunk, this.#spare] = [this.#spare, this.#chunk];
  }

  async #writeChunk(chunk: Uint8Array, position: number): Promise<void> {
    if (!this.#isRefused) {
      try {
        return await writeFully(this.#file, chunk, position);
      } catch (error) {
        // A disk may ask for more of the places of direct writes, and of what is left of one it has cut short.
        if (!(error instanceof Error && "code" in error && error.code === "EINVAL")) throw error;
        this.#isRefused = true;
      }
    }
    await this.#writeCached(chunk, position);
  }
}

async function writeFully(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}
