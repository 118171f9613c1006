// A file read without promises: for work that reads thousands of pieces, where each promise costs more than its read.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { Fault, toFault } from "../../wire/faults.ts";

interface SyncFile {
  /** Bytes, when it was opened. */
  readonly size: number;
  readonly fd: number;
  /** Fills `into` from `position` on; fewer bytes only at the end of the file. */
  read(into: Uint8Array, position: number): number;
  close(): void;
}

/** Opens a regular file. Fault `not-found` when it is gone; links are not followed. */
export function openSyncFile(path: string): SyncFile {
  const fd = openFd(path);
  const facts = fstatSync(fd);
  if (!facts.isFile()) {
    closeSync(fd);
    throw new Fault("not-found", `${path} is not a regular file any more`);
  }
  return {
    size: facts.size,
    fd,
    read: (into, position) => readFully(fd, into, position),
    close: () => closeSync(fd),
  };
}

/** Bytes `[start, end)` of a file that somebody else has opened, and closes. */
export function openedRange(fd: number, start: number, end: number): SyncFile {
  return {
    size: end - start,
    fd,
    read: (into, position) => readFully(fd, into.subarray(0, end - start - position), start + position),
    close: () => undefined,
  };
}

function openFd(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") throw new Fault("not-found", `${path} is gone`, { cause: error });
    if (code === "EMFILE" || code === "ENFILE") {
      throw new Fault("busy", `too many open files: ${path} cannot be opened`, {
        hint: "Raise the limit of open files (ulimit -n).",
        cause: error,
      });
    }
    throw toFault(error);
  }
}

function readFully(fd: number, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.length) {
    const length = readSync(fd, into, done, into.length - done, position + done);
    if (length === 0) break;
    done += length;
  }
  return done;
}
