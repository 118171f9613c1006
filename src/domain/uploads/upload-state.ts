// What an upload's record tells of where it stands. Pure.

import type { UploadRecord } from "../../ports/records.ts";
import { covers } from "./coverage.ts";

/** True when all bytes of an unfinished upload are durable, and it shall become a file. */
export function isComplete(upload: UploadRecord): boolean {
  return upload.state === "arriving" && !isPart(upload) && isWhole(upload);
}

/** True when its size is known and every byte is durable. */
export function isWhole({ size, coverage }: UploadRecord): boolean {
  return size !== null && covers(coverage, { start: 0, end: size });
}

/** True for an upload that is made of others. One that was broken off is of no use: its parts are still there, to be joined anew. */
export function isJoin({ meta }: UploadRecord): boolean {
  return meta.concat?.startsWith("final") ?? false;
}

/** True for an upload that waits to be joined with others into one file. */
export function isPart({ meta }: UploadRecord): boolean {
  return meta.concat === "partial";
}
