// A bucket in memory: the reference for the port.

import type { ByteRange } from "../../ports/blobs.ts";
import type { Bucket, ObjectPage } from "../../ports/bucket.ts";
import { Fault } from "../../wire/faults.ts";

const PAGE = 1_000;
const PIECE = 64 * 1024;

/** Give it the objects by name; the map is read at each call, so it may change. */
export class MemoryBucket implements Bucket {
  readonly description: string = "memory";
  readonly #objects: ReadonlyMap<string, Uint8Array>;

  constructor(objects: ReadonlyMap<string, Uint8Array>) {
    this.#objects = objects;
  }

  async list(prefix: string, after = "", signal?: AbortSignal): Promise<ObjectPage> {
    signal?.throwIfAborted();
    checkName(prefix);
    const from = Buffer.from(after);
    const names = [...this.#objects.keys()]
      .filter((name) => name.startsWith(prefix))
      .map((name) => Buffer.from(name))
      .filter((name) => Buffer.compare(name, from) > 0)
      .sort(Buffer.compare)
      .map(String);
    const page = names.slice(0, PAGE);
    return {
      objects: page.map((name) => ({ name, size: this.#objects.get(name)?.length ?? 0 })),
      next: names.length > PAGE ? (page.at(-1) ?? null) : null,
    };
  }

  async *open(name: string, range?: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    checkName(name);
    const bytes = this.#objects.get(name);
    if (!bytes) throw new Fault("not-found", `there is no ${JSON.stringify(name)} in ${this.description}`);
    const { start, end } = range ?? { start: 0, end: bytes.length };
    if (!(start >= 0 && start <= end && end <= bytes.length)) {
      throw new Fault("range", `bytes ${start} to ${end} lie outside ${name}, which has ${bytes.length}`);
    }
    for (let position = start; position < end; position += PIECE) {
      signal?.throwIfAborted();
      yield bytes.slice(position, Math.min(end, position + PIECE));
    }
  }

  async localFile(): Promise<undefined> {
    return undefined;
  }
}

function checkName(name: string): void {
  const bad =
    name.includes("\0") ||
    name.startsWith("/") ||
    name.split("/").includes("..") ||
    Buffer.byteLength(name) > 1_024;
  if (bad) throw new Fault("invalid", `${JSON.stringify(name.slice(0, 100))} is not a name of an object`);
}
