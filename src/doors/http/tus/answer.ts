// What every answer about a tus upload carries, and what every request must.

import type { BunRequest } from "bun";
import { received } from "../../../domain/uploads/coverage.ts";
import type { Progress } from "../../../domain/uploads/writes.ts";
import { Fault } from "../../../wire/faults.ts";
import { pathTo, ROUTES } from "../../../wire/routes.ts";
import { TUS_VERSION } from "../../../wire/tus.ts";
import { reprDigest } from "../digests.ts";

export type TusRequest = BunRequest<string>;

const PREFIX = "tus:";

/** The upload's id in the ledger. Whatever the caller writes there is only a key. */
export function uploadId(request: TusRequest): string {
  return PREFIX + (request.params.id ?? "");
}

export function newUploadId(): string {
  return PREFIX + crypto.randomUUID().replaceAll("-", "");
}

/** The ledger's id of the upload that `url` (absolute or relative) names by its last segment. */
export function idOfUrl(url: string): string {
  const [path = ""] = url.split(/[?#]/, 1);
  // Our ids need no escapes, so one that has some is not ours.
  return PREFIX + path.slice(path.lastIndexOf("/") + 1);
}

/**
 * Relative, so that scheme and host are right behind every proxy; a path that a proxy strips comes back when it says
 * so in X-Forwarded-Prefix.
 */
export function locationOf(request: TusRequest, id: string): string {
  const prefix = request.headers.get("x-forwarded-prefix")?.replace(/\/+$/, "") ?? "";
  const path = pathTo(ROUTES.tusUpload, { id: id.slice(PREFIX.length) });
  return /^(\/[\w.~-]+)*$/.test(prefix) ? prefix + path : path;
}

/** Fault `precondition` (412) unless the client speaks our version. */
export function checkVersion(request: TusRequest): void {
  const version = request.headers.get("tus-resumable");
  if (version === TUS_VERSION) return;
  throw new Fault("precondition", `Tus-Resumable must be ${TUS_VERSION}, not ${JSON.stringify(version)}`);
}

/** Where the upload stands, when it expires, and, when it is a file, its digest and place. */
export function standing({ upload, file }: Progress): Record<string, string> {
  const { size, coverage, state, expiresAt } = upload;
  const offset = state === "finished" ? (size ?? 0) : received(coverage);
  const expires = state === "arriving" && expiresAt !== null;
  return {
    "upload-offset": String(offset),
    ...(expires && { "upload-expires": new Date(expiresAt).toUTCString() }),
    ...(file && {
      "repr-digest": reprDigest(file.sha256),
      "content-location": pathTo(ROUTES.file, { id: file.id }),
    }),
  };
}
