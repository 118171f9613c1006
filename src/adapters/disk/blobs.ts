// Blobs in a folder: one file each, fanned out by the first two characters of the id.

import { constants } from "node:fs";
import { mkdir, open, opendir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type {
  BlobId,
  BlobStat,
  Blobs,
  ByteRange,
  Content,
  LocalFile,
  WrittenBlob,
} from "../../ports/blobs.ts";
import type { StagedWrite } from "../../ports/staging.ts";
import { Fault, toFault } from "../../wire/faults.ts";
import { FileOutput } from "../../wire/file-output.ts";
import { isMissing, makeFolder, type PieceFile, safeName, syncFolder, writePieces } from "./durable.ts";
import { sweepTemporary, temporaryName } from "./temporary.ts";

const DIRECT = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_DIRECT;

export class DiskBlobs implements Blobs {
  readonly #folder: string;
  readonly #temporary: string;
  /** The folders of blobs, at most 256, that are known to survive a power cut. */
  readonly #onDisk = new Set<string>();

  private constructor(root: string) {
    this.#folder = join(root, "blobs");
    this.#temporary = join(root, "temporary");
  }

  /** Opens or creates the store in the folder `root`, and removes what crashed processes left half-written. */
  static async open(root: string): Promise<DiskBlobs> {
    const blobs = new DiskBlobs(root);
    try {
      await makeFolder(blobs.#folder);
      await makeFolder(blobs.#temporary);
      await sweepTemporary(blobs.#temporary);
    } catch (error) {
      throw toFault(error);
    }
    return blobs;
  }

  async put(
    id: BlobId,
    source: AsyncIterable<Uint8Array>,
    options: { readonly size?: number; readonly signal?: AbortSignal } = {},
  ): Promise<WrittenBlob> {
    const temporary = join(this.#temporary, temporaryName());
    const hasher = new Bun.CryptoHasher("sha256");
    let result: StagedWrite;
    try {
      result = await writeFile(temporary, source, hasher, options.signal);
      if (!("interrupted" in result)) {
        await this.adopt(id, temporary);
        return { id, size: result.written, sha256: hasher.digest("hex") };
      }
    } catch (error) {
      await rm(temporary, { force: true });
      throw toFault(error);
    }
    await rm(temporary, { force: true });
    throw result.interrupted;
  }

  /** Makes a synced file on the same disk the blob `id`, by renaming it. */
  async adopt(id: BlobId, path: string): Promise<void> {
    const target = this.#path(id);
    // Ids are random, so this check cannot lose a race; rename works on disks that have no hard links.
    if (await this.stat(id)) throw new Fault("exists", `the blob ${id} exists already`);
    await this.#makeFolder(dirname(target));
    await rename(path, target);
    await syncFolder(dirname(target));
  }

  /** Makes what was renamed before survive a power cut; the attempt that did it may have failed to. */
  async settle(id: BlobId): Promise<void> {
    await syncFolder(dirname(this.#path(id)));
  }

  async open(id: BlobId, range?: ByteRange): Promise<Content> {
    const found = await this.stat(id);
    if (!found) throw new Fault("not-found", `there is no blob ${id}`);
    const { start, end } = range ?? { start: 0, end: found.size };
    if (start < 0 || start > end || end > found.size) {
      throw new Fault("range", `bytes ${start} to ${end} lie outside the ${found.size} bytes of ${id}`);
    }
    return Bun.file(this.#path(id)).slice(start, end);
  }

  async stat(id: BlobId): Promise<BlobStat | undefined> {
    try {
      const { size } = await stat(this.#path(id));
      return { id, size };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw toFault(error);
    }
  }

  async remove(id: BlobId): Promise<void> {
    const path = this.#path(id);
    try {
      await rm(path);
      await syncFolder(dirname(path));
    } catch (error) {
      if (!isMissing(error)) throw toFault(error);
    }
  }

  async *list(): AsyncGenerator<BlobStat> {
    for await (const folder of await opendir(this.#folder)) {
      for await (const entry of await opendir(join(this.#folder, folder.name))) {
        const found = await this.stat(entry.name);
        if (found) yield found;
      }
    }
  }

  async localFile(id: BlobId): Promise<LocalFile | undefined> {
    return { path: this.#path(id) };
  }

  /** One that is there already may have been made by an attempt that failed to sync it, so it is synced once a process. */
  async #makeFolder(folder: string): Promise<void> {
    if (this.#onDisk.has(folder)) return;
    await mkdir(folder, { recursive: true });
    await syncFolder(this.#folder);
    this.#onDisk.add(folder);
  }

  #path(id: BlobId): string {
    return join(this.#folder, safeName(id).slice(0, 2), id);
  }
}

async function writeFile(
  path: string,
  source: AsyncIterable<Uint8Array>,
  hasher: Bun.CryptoHasher,
  signal: AbortSignal | undefined,
): Promise<StagedWrite> {
  await using handle = await open(path, "wx");
  await using output = new FileOutput(handle, { openDirect: () => open(path, DIRECT) });
  const onPiece = (piece: Uint8Array) => hasher.update(piece);
  const result = await writePieces(inOrder(output), 0, source, { signal, isLent: true, onPiece });
  if ("interrupted" in result) return result;
  await output.end();
  await handle.sync();
  return result;
}

/** Its pieces come one behind the other, from the file's beginning on. */
function inOrder(output: FileOutput): PieceFile {
  return {
    async writev(pieces) {
      let bytesWritten = 0;
      for (const piece of pieces) {
        await output.write(piece);
        bytesWritten += piece.length;
      }
      return { bytesWritten };
    },
  };
}
