// Intermediate runs of a merge, in a scratch folder: nothing of them has to survive a crash.

import { mkdir, rm } from "node:fs/promises";
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

async function write(path: string, source: AsyncIterable<Uint8Array>): Promise<void> {
  const writer = Bun.file(path).writer({ highWaterMark: 1 << 20 });
  try {
    for await (const piece of source) {
      writer.write(piece);
      await writer.flush();
    }
  } finally {
    await writer.end();
  }
}
