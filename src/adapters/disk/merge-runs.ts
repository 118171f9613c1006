// Intermediate runs of a merge, in a scratch folder: nothing of them has to survive a crash.

import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";

interface Run extends AsyncDisposable {
  readonly name: string;
  open(): AsyncIterable<Uint8Array>;
}

/** Keeps each run in a file of its own until it is disposed. The folder is created with the first. */
export class DiskMergeRuns {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async keep(source: AsyncIterable<Uint8Array>): Promise<Run> {
    await mkdir(this.#folder, { recursive: true });
    const path = join(this.#folder, `run-${crypto.randomUUID()}`);
    const remove = () => rm(path, { force: true });
    try {
      await write(path, source);
    } catch (error) {
      await remove();
      throw error;
    }
    return {
      name: "an intermediate run",
      open: () => Bun.file(path).stream(),
      [Symbol.asyncDispose]: remove,
    };
  }
}

/** By file handle: Bun's own writer drops the error of a full disk. */
async function write(path: string, source: AsyncIterable<Uint8Array>): Promise<void> {
  await using file = await open(path, "wx");
  for await (const piece of source) {
    for (let at = 0; at < piece.length; ) {
      const { bytesWritten } = await file.write(piece, at, piece.length - at);
      at += bytesWritten;
    }
  }
}
