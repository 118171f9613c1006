// Where a command writes a file: beside its final name until it is whole, or straight to a pipe or device.

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { abortable } from "../client/memcached/window.ts";
import { Fault, toFault } from "../wire/faults.ts";
import { FileOutput } from "../wire/file-output.ts";

/** Of a file's name, in that of the temporary one beside it. */
const NAME_BYTES = 200;

export interface Target {
  write(bytes: Uint8Array): Promise<void>;
  /** All was written and is right: it appears under its name, and is on the disk. */
  finish(): Promise<void>;
  /** Leaves nothing early (what went down a pipe is gone). */
  discard(): Promise<void>;
}

/**
 * `-` is standard output. A symbolic link is followed. Fault `invalid` for what cannot be written. The signal ends what may wait for ever: for
 * somebody to read a pipe.
 */
export async function openTarget(path: string, signal?: AbortSignal): Promise<Target> {
  if (path === "-") return standardOutput(signal);
  try {
    const there = await stat(path).catch(absent);
    if (there?.isDirectory())
      throw new Fault("invalid", `${path} is a directory`, { hint: "Name a file in it." });
    if (there && !there.isFile()) return straightTarget(await openStraight(path, signal), signal);
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
  const temporary = join(folder, `.${beginning(basename(path))}.${randomBytes(6).toString("hex")}.part`);
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

/** A name may have 255 bytes, and one of 85 Chinese characters has as many. */
function beginning(name: string): string {
  return Buffer.from(name)
    .subarray(0, NAME_BYTES)
    .toString()
    .replace(/\uFFFD+$/, "");
}

async function openStraight(path: string, signal: AbortSignal | undefined): Promise<FileHandle> {
  const opening = open(path, "w");
  try {
    return await abortable(opening, signal);
  } catch (error) {
    // A named pipe is open when somebody reads it: later, or never.
    opening.then((late) => late.close()).catch(() => undefined);
    throw error;
  }
}

function straightTarget(file: FileHandle, signal: AbortSignal | undefined): Target {
  return {
    write: (bytes) => abortable(writeAll(file, bytes, "the output"), signal),
    finish: () => file.close(),
    discard: async () => {
      const closing = file.close();
      if (!signal?.aborted) return closing;
      // It waits for a write that perhaps nobody ever takes.
      closing.catch(() => undefined);
    },
  };
}

function standardOutput(signal: AbortSignal | undefined): Target {
  // A closed pipe is also announced as an event, which would end the process; the failing write below reports it.
  process.stdout.on("error", () => undefined);
  return {
    write: (bytes) => {
      const written = new Promise<void>((resolve, reject) => {
        process.stdout.write(bytes, (error) => {
          if (error) reject(unwritten(error));
          else resolve();
        });
      });
      return abortable(written, signal);
    },
    // What went down the pipe is not ours any more.
    finish: async () => undefined,
    discard: async () => undefined,
  };
}

function unwritten(error: Error): Fault {
  if (!("code" in error && error.code === "EPIPE")) return unwritable("standard output", error);
  return new Fault("cancelled", `standard output was closed: ${error.message}`, { cause: error });
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
