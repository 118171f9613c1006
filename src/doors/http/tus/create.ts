// POST: begins an upload, perhaps with its first bytes; or joins partial uploads to one file.

import type { NewUpload } from "../../../domain/uploads/new-upload.ts";
import type { Uploads } from "../../../domain/uploads/uploads.ts";
import type { Progress } from "../../../domain/uploads/writes.ts";
import { Fault, isFault } from "../../../wire/faults.ts";
import { parseByteCount, parseConcat, parseMetadata, TUS_BODY } from "../../../wire/tus.ts";
import { readSha256 } from "../digests.ts";
import { mediaType } from "../media-type.ts";
import { checkVersion, idOfUrl, locationOf, newUploadId, standing, type TusRequest } from "./answer.ts";
import { readChecksum } from "./body.ts";
import { createByDraft, speaksDraft } from "./draft.ts";
import { appendFirst } from "./patch.ts";

const CREATED = 201;

export async function createUpload(request: TusRequest, uploads: Uploads): Promise<Response> {
  if (speaksDraft(request)) return createByDraft(request, uploads);
  checkVersion(request);
  const concat = request.headers.get("upload-concat");
  const parts = concat === null ? undefined : parseConcat(concat);
  const progress =
    typeof parts === "object"
      ? await joinParts(request, uploads, parts.parts)
      : await begin(request, uploads, parts === "partial");
  const location = locationOf(request, progress.upload.id);
  return new Response(null, { status: CREATED, headers: { location, ...standing(progress) } });
}

/** What the metadata says of the file, and the metadata itself, to be given back. */
export function describedFile(request: TusRequest, id: string): Omit<NewUpload, "size" | "spool"> {
  const header = request.headers.get("upload-metadata") ?? "";
  const metadata = parseMetadata(header);
  const name = metadata.get("filename") || metadata.get("name") || id.slice("tus:".length);
  const type = metadata.get("filetype") || metadata.get("type") || metadata.get("contentType") || "";
  const declaredSha256 = readDeclared(request, metadata.get("sha256"));
  return {
    ...{ id, protocol: "tus", name, mediaType: mediaType(type) },
    ...(declaredSha256 !== undefined && { declaredSha256 }),
    meta: header === "" ? {} : { tusMetadata: header },
  };
}

async function begin(request: TusRequest, uploads: Uploads, isPartial: boolean): Promise<Progress> {
  const size = readLength(request);
  const hasBody = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() === TUS_BODY;
  // Refused before anything is created.
  readChecksum(request);
  const described = describedFile(request, newUploadId());
  const meta = { ...described.meta, ...(isPartial && { concat: "partial" }) };
  const begun = await uploads.begin({ ...described, meta, size });
  if (!hasBody || size === 0) return begun;
  try {
    return await appendFirst(request, uploads, begun.upload.id);
  } catch (error) {
    // The client has not learnt the upload's place: nobody could continue it.
    await uploads.discard(begun.upload.id);
    throw error;
  }
}

function joinParts(request: TusRequest, uploads: Uploads, urls: readonly string[]): Promise<Progress> {
  if (request.headers.has("upload-length")) {
    throw new Fault("invalid", "a final upload has the length of its parts; leave Upload-Length out");
  }
  const described = describedFile(request, newUploadId());
  const meta = { ...described.meta, concat: `final;${urls.join(" ")}` };
  return uploads.concatenate({ ...described, meta }, urls.map(idOfUrl)).catch((error) => {
    throw isFault(error, "not-ready") ? new Fault("conflict", error.message, { cause: error }) : error;
  });
}

/** The size in Upload-Length; null if Upload-Defer-Length says that it comes later. */
function readLength(request: TusRequest): number | null {
  const length = request.headers.get("upload-length");
  const defer = request.headers.get("upload-defer-length");
  if (length !== null && defer === null) return parseByteCount("Upload-Length", length);
  if (length === null && defer === "1") return null;
  throw new Fault("invalid", "send either Upload-Length, or Upload-Defer-Length: 1");
}

function readDeclared(request: TusRequest, inMetadata: string | undefined): string | undefined {
  const declared = inMetadata ?? readSha256("Repr-Digest", request.headers.get("repr-digest"));
  if (declared === undefined || /^[0-9a-fA-F]{64}$/.test(declared)) return declared?.toLowerCase();
  throw new Fault("invalid", `sha256 in Upload-Metadata must be 64 hexadecimal digits`);
}
