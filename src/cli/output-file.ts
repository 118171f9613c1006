// Where a command writes a file: beside its final name until it is whole, or straight to a pipe or device.

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Fault, toFault } from "../wire/faults.ts";
import { FileOutput } from "../wire/file-output.ts";

export interface Target {
  write(bytes: Uint8Array): Promise<void>;
  /** All was written and is right: it appears under its name, and is on the disk. */
  finish(): Promise<void>;
  /** Leaves nothing early (what went down a pipe is gone). */
  discard(): Promise<void>;
}

/** `-` is standard output. A symbolic link is followed. Fault `invalid` for what cannot be written. */
export async function openTarget(path: string): Promise<Target> {
  if (path === "-") return standardOutput();
  try {
    const there = await stat(path).catch(absent);
    if (there?.isDirectory())
      throw new Fault("invalid", `${path} is a directory`, { hint: "Name a file in it." });
    if (there && !there.isFile()) return straightTarget(await open(path, "w"));
    return await temporaryTarget(there ? await realpath(path) : path, there ? there.mode & 0o777 : 0o666);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** As a stream: closing it is the end, aborting it discards. */
export function targetStream(target: Target): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    write: (bytes) => target.write(bytes),
    close: () => target.finish(),
    abort: () => target.discard(),
  });
}

async function temporaryTarget(path: string, mode: number): Promise<Target> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path).slice(0, 200)}.${randomBytes(6).toString("hex")}.part`);
  const file = await open(temporary, "wx", mode);
  const direct = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_DIRECT;
  const output = new FileOutput(file, { openDirect: () => open(temporary, direct) });
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await output[Symbol.asyncDispose]();
    await file.close();
  };
  return {
    async write(bytes) {
      await output.write(bytes).catch((error: unknown) => Promise.reject(unwritable(path, error)));
    },
    async finish() {
      await output.end();
      await file.sync();
      await close();
      await rename(temporary, path);
      await syncFolder(folder);
    },
    async discard() {
      await close();
      await unlink(temporary).catch(absent);
    },
  };
}

function straightTarget(file: FileHandle): Target {
  return {
    write: (bytes) => writeAll(file, bytes, "the output"),
    finish: () => file.close(),
    discard: () => file.close(),
  };
}

function standardOutput(): Target {
  // A closed pipe is also announced as an event, which would end the process; the failing write below reports it.
  process.stdout.on("error", () => undefined);
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        process.stdout.write(bytes, (error) => {
          if (error)
            reject(new Fault("cancelled", `standard output was closed: ${error.message}`, { cause: error }));
          else resolve();
        });
      }),
    // What went down the pipe is not ours any more.
    finish: async () => undefined,
    discard: async () => undefined,
  };
}

async function writeAll(file: FileHandle, bytes: Uint8Array, path: string): Promise<void> {
  let at = 0;
  while (at < bytes.length) {
    const { bytesWritten } = await file
      .write(bytes, at, bytes.length - at)
      .catch((error: unknown) => Promise.reject(unwritable(path, error)));
    at += bytesWritten;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function absent(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}

function unwritable(path: string, error: unknown): Fault {
  const fault = toFault(error);
  if (fault.code !== "internal") return fault;
  return new Fault("invalid", `cannot write ${path}: ${fault.message}`, { cause: error });
}
