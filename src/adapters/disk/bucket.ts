// A folder as a bucket: its files by their names relative to it, read where they lie.

import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import type { ByteRange, LocalFile } from "../../ports/blobs.ts";
import type { Bucket, BucketObject, ObjectPage } from "../../ports/bucket.ts";
import { Fault, toFault } from "../../wire/faults.ts";
import { walkFolder } from "./folder-walk.ts";

const PAGE = 1_000;
const PIECE = 64 * 1024;
/** Bytes of the longest name, as on S3. */
const LONGEST_NAME = 1_024;
/** How many half-read listings are kept, so that the next page does not begin again. */
const KEPT_WALKS = 4;

/**
 * The folder is looked up at each call: it may appear, or be replaced, later.
 *
 * Left out are hidden files and folders (a name that begins with `.`: what programs put there is not data, or not
 * finished), links that lead out of the folder, links to folders, what is not a regular file, and names that are
 * not UTF-8. `open` refuses links that lead out as `invalid` and finds none of the rest.
 */
export class DiskBucket implements Bucket {
  readonly description: string;
  readonly #root: string;
  /** By prefix and cursor: where the listing goes on. */
  readonly #walks = new Map<string, AsyncGenerator<string>>();

  constructor(root: string) {
    this.#root = root;
    this.description = `folder ${root}`;
  }

  async list(prefix: string, after = "", signal?: AbortSignal): Promise<ObjectPage> {
    checkName(prefix, this.description);
    const root = await this.#realRoot();
    const walk = this.#takeWalk(root, prefix, after);
    const objects: BucketObject[] = [];
    for (;;) {
      signal?.throwIfAborted();
      const names = await takeNames(walk, PAGE - objects.length);
      const found = await Promise.all(names.map((name) => sizeOf(root, name)));
      objects.push(...found.filter((object) => object !== undefined));
      if (names.length === 0) return { objects, next: null };
      const last = objects.at(-1);
      if (objects.length === PAGE && last) {
        this.#keepWalk(`${prefix}\0${last.name}`, walk);
        return { objects, next: last.name };
      }
    }
  }

  async *open(name: string, range?: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    await using file = await this.#openFile(name);
    const { size } = await file.stat();
    const { start, end } = range ?? { start: 0, end: size };
    if (!(start >= 0 && start <= end && end <= size)) {
      throw new Fault("range", `bytes ${start} to ${end} lie outside ${name}, which has ${size}`);
    }
    for (let position = start; position < end; ) {
      signal?.throwIfAborted();
      const buffer = Buffer.allocUnsafeSlow(Math.min(PIECE, end - position));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) {
        throw new Fault("internal", `${name} was cut to ${position} bytes while it was being read`);
      }
      position += bytesRead;
      yield bytesRead === buffer.length ? buffer : buffer.subarray(0, bytesRead);
    }
  }

  async localFile(name: string): Promise<LocalFile> {
    return { path: await this.#pathOf(name) };
  }

  async #openFile(name: string): Promise<FileHandle> {
    const path = await this.#pathOf(name);
    const missing = this.#missing(name);
    // Without blocking: a named pipe is opened at once, and then refused.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
      (cause: unknown) => {
        throw isMissing(cause) ? missing : toFault(cause);
      },
    );
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw missing;
  }

  async #pathOf(name: string): Promise<string> {
    checkName(name, this.description);
    if (name === "" || name.split("/").some((part) => part.startsWith("."))) throw this.#missing(name);
    const path = await pathInside(await this.#realRoot(), name);
    if (path === undefined) throw this.#missing(name);
    return path;
  }

  #missing(name: string): Fault {
    return new Fault("not-found", `there is no ${JSON.stringify(name)} in ${this.description}`);
  }

  async #realRoot(): Promise<string> {
    try {
      const root = await realpath(this.#root);
      if ((await stat(root)).isDirectory()) return root;
    } catch (cause) {
      if (!isMissing(cause)) throw toFault(cause);
    }
    throw new Fault("not-found", `${this.description} does not exist, or is not a folder`, {
      hint: "Create it, or name another one.",
    });
  }

  #takeWalk(root: string, prefix: string, after: string): AsyncGenerator<string> {
    const key = `${prefix}\0${after}`;
    const walk = this.#walks.get(key);
    this.#walks.delete(key);
    return walk ?? walkFolder(root, prefix, after);
  }

  #keepWalk(key: string, walk: AsyncGenerator<string>): void {
    for (const oldest of this.#walks.keys()) {
      if (this.#walks.size < KEPT_WALKS) break;
      this.#walks.delete(oldest);
    }
    this.#walks.set(key, walk);
  }
}

function checkName(name: string, description: string): void {
  const reason =
    Buffer.byteLength(name) > LONGEST_NAME
      ? `is longer than ${LONGEST_NAME} bytes`
      : name.includes("\0")
        ? "holds a NUL"
        : name.startsWith("/") || name.split("/").includes("..")
          ? `leads out of ${description}`
          : undefined;
  if (reason === undefined) return;
  throw new Fault("invalid", `the name ${JSON.stringify(name.slice(0, 100))} ${reason}`);
}

async function takeNames(walk: AsyncGenerator<string>, most: number): Promise<string[]> {
  const names: string[] = [];
  while (names.length < most) {
    const { done, value } = await walk.next();
    if (done === true) break;
    names.push(value);
  }
  return names;
}

/** Undefined for what is not a regular file inside the folder, or is gone again. */
async function sizeOf(root: string, name: string): Promise<BucketObject | undefined> {
  try {
    const path = await pathInside(root, name);
    const facts = path === undefined ? undefined : await stat(path);
    return facts?.isFile() ? { name, size: facts.size } : undefined;
  } catch (error) {
    if (isMissing(error) || error instanceof Fault) return undefined;
    throw toFault(error);
  }
}

/** The real path of an object; undefined when there is none. Fault `invalid` when links lead out of the folder. */
async function pathInside(root: string, name: string): Promise<string | undefined> {
  const path = await realpath(join(root, name)).catch((cause: unknown) => {
    if (isMissing(cause)) return undefined;
    throw toFault(cause);
  });
  if (path === undefined || path.startsWith(root.endsWith(sep) ? root : root + sep)) return path;
  throw new Fault("invalid", `the link ${JSON.stringify(name)} leads out of folder ${root}`);
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP" || code === "ENAMETOOLONG";
}
