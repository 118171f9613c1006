// A file on the disk as the source of an upload: read at any place, and watched for changes.

import { type FileHandle, open } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { Fault } from "../../../wire/faults.ts";
import { type Bytes, changed, digestOf, SLICE, type UploadSource } from "../upload-source.ts";
import { nativeSha256 } from "./hash.ts";

/** Faults: `not-found`, `invalid` for what is no file. */
export async function fileSource(path: string): Promise<UploadSource> {
  const file = await open(path, "r").catch((cause: unknown) => {
    const isAbsent = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    if (isAbsent) throw new Fault("not-found", `there is no file ${path}`, { cause });
    throw new Fault("invalid", `cannot read ${path}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  });
  const stats = await file.stat();
  const { size, mtimeMs } = stats;
  if (!stats.isFile()) {
    await file.close();
    throw new Fault("invalid", `${path} is not a file`, { hint: "Give a file's path, or a stream." });
  }
  const read = (start: number, end: number) => readAt(file, new Uint8Array(end - start), start);
  return {
    name: basename(path),
    mediaType: "",
    size,
    fingerprint: `${resolve(path)}|${size}|${mtimeMs}`,
    read,
    digest(stop) {
      const buffer = new Uint8Array(SLICE);
      const slice = (start: number, end: number) => readAt(file, buffer.subarray(0, end - start), start);
      return digestOf(slice, size, nativeSha256(), stop);
    },
    async check() {
      const now = await file.stat();
      if (now.size !== size || now.mtimeMs !== mtimeMs) throw changed(path);
    },
    close: () => file.close(),
  };
}

/** Fills `bytes` from `start` on; fewer at the end. */
async function readAt(file: FileHandle, bytes: Bytes, start: number): Promise<Bytes> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
    if (bytesRead === 0) return bytes.subarray(0, done);
    done += bytesRead;
  }
  return bytes;
}
