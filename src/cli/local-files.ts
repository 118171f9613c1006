// The files of this machine as inputs of a merge, and its scratch space in the folder for temporary files.

import { closeSync, createReadStream, fstatSync, openSync, readSync } from "node:fs";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MergeInput, MergeRun, MergeScratch, SortedFile } from "../compute/merge.ts";
import { Fault, toFault } from "../wire/faults.ts";

/** `-` is standard input; pipes and devices are read as they come. Fault `not-found`, `invalid` for a folder. */
export async function localInput(path: string): Promise<MergeInput> {
  if (path === "-") return { name: "standard input", open: () => createReadStream("/dev/stdin") };
  const facts = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (facts.isDirectory())
    throw new Fault("invalid", `${path} is a folder`, { hint: "Name the files in it." });
  if (!facts.isFile()) return { name: path, open: () => createReadStream(path) };
  return {
    name: path,
    size: facts.size,
    open: () => createReadStream(path),
    file: () => openFile(path),
  };
}

/** Scratch space that is made when it is first needed, and removed at the end. */
export class LocalScratch implements MergeScratch, AsyncDisposable {
  #folder: Promise<string> | undefined;
  #runs = 0;

  async keep(run: AsyncIterable<Uint8Array>): Promise<MergeRun> {
    this.#folder ??= mkdtemp(join(tmpdir(), "cairn-merge-"));
    const path = join(await this.#folder, `run-${this.#runs++}`);
    await using file = await open(path, "wx");
    for await (const piece of run) await writeAll(file, piece);
    return {
      name: "an intermediate run",
      open: () => createReadStream(path),
      file: () => openFile(path),
      [Symbol.asyncDispose]: () => rm(path, { force: true }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#folder) await rm(await this.#folder, { recursive: true, force: true });
  }
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length; ) {
    try {
      at += (await file.write(piece, at, piece.length - at)).bytesWritten;
    } catch (error) {
      throw toFault(error);
    }
  }
}

function openFile(path: string): SortedFile {
  const fd = openFd(path);
  return {
    size: fstatSync(fd).size,
    fd,
    read(into, position) {
      let done = 0;
      while (done < into.length) {
        const length = readSync(fd, into, done, into.length - done, position + done);
        if (length === 0) break;
        done += length;
      }
      return done;
    },
    close: () => closeSync(fd),
  };
}

function openFd(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): Fault {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR")
    return new Fault("not-found", `there is no file ${path}`, { cause: error });
  if (code === "EACCES") return new Fault("forbidden", `${path} may not be read`, { cause: error });
  const fault = toFault(error);
  return new Fault(fault.code, `cannot read ${path}: ${fault.message}`, { cause: error });
}
