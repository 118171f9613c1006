// The IETF's "Resumable Uploads for HTTP" (draft-ietf-httpbis-resumable-upload, interop versions 5 to 8) on the same uploads.
// Without 104 responses, which Bun cannot send: a client learns the upload's place from the 201.

import { prefixEnd } from "../../../domain/uploads/coverage.ts";
import type { Uploads } from "../../../domain/uploads/uploads.ts";
import type { Progress } from "../../../domain/uploads/writes.ts";
import { Fault, isFault } from "../../../wire/faults.ts";
import { parseByteCount } from "../../../wire/tus.ts";
import { readSha256 } from "../digests.ts";
import { requestedName } from "../files/disposition.ts";
import { mediaType } from "../media-type.ts";
import { STATUS } from "../statuses.ts";
import { locationOf, newUploadId, standing, type TusRequest, uploadId } from "./answer.ts";
import { bodyOf } from "./body.ts";

const CREATED = 201;
const NO_CONTENT = 204;
/** From this interop version on, appended bodies have a type of their own. */
const TYPED = 6;
const APPEND_TYPE = "application/partial-upload";
const PROBLEM = "https://iana.org/assignments/http-problem-types#";

/** True for a request that speaks the draft; HEAD and DELETE carry nothing that tells. */
export function speaksDraft({ headers, method }: TusRequest): boolean {
  if (headers.has("tus-resumable")) return false;
  return method === "HEAD" || headers.has("upload-complete") || headers.has("upload-draft-interop-version");
}

/** §Upload Creation: the body is the beginning of the file, or all of it. */
export async function createByDraft(request: TusRequest, uploads: Uploads): Promise<Response> {
  const isLast = readComplete(request);
  const { headers } = request;
  const body = bodyOf(request);
  const length = headers.get("upload-length");
  const size =
    length !== null ? parseByteCount("Upload-Length", length) : isLast ? (body.size ?? null) : null;
  const id = newUploadId();
  const name = requestedName(headers.get("content-disposition")) ?? id.slice("tus:".length);
  const declaredSha256 = readSha256("Repr-Digest", headers.get("repr-digest"));
  const described = { id, protocol: "tus", name, mediaType: mediaType(headers.get("content-type")) } as const;
  let progress = await uploads.begin({ ...described, size, ...(declaredSha256 && { declaredSha256 }) });
  try {
    if (size !== 0) progress = await append(request, uploads, id, 0);
  } catch (error) {
    // The client has not learnt the upload's place: nobody could continue it.
    await uploads.discard(id);
    throw error;
  }
  const answer = { location: locationOf(request, id), ...stated(progress) };
  return new Response(null, { status: CREATED, headers: answer });
}

/** §Offset Retrieval. */
export async function tellByDraft(request: TusRequest, uploads: Uploads): Promise<Response> {
  const progress = await uploads.settle(uploadId(request));
  const { size } = progress.upload;
  const length = size === null ? {} : { "upload-length": String(size) };
  const headers = { ...stated(progress), ...length, "cache-control": "no-store" };
  return new Response(null, { status: NO_CONTENT, headers });
}

/** §Upload Append. */
export async function appendByDraft(request: TusRequest, uploads: Uploads): Promise<Response> {
  const { headers } = request;
  const type = headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (Number(headers.get("upload-draft-interop-version") ?? TYPED) >= TYPED && type !== APPEND_TYPE) {
    throw new Fault(
      "unsupported-media",
      `the body must be ${APPEND_TYPE}, not ${JSON.stringify(type ?? "")}`,
    );
  }
  const offset = parseByteCount("Upload-Offset", headers.get("upload-offset") ?? "");
  try {
    const progress = await append(request, uploads, uploadId(request), offset);
    return new Response(null, { status: NO_CONTENT, headers: stated(progress) });
  } catch (error) {
    if (!isFault(error, "conflict") || error.details?.offset === undefined) throw error;
    return mismatch(error, offset, Number(error.details.offset));
  }
}

async function append(request: TusRequest, uploads: Uploads, id: string, offset: number): Promise<Progress> {
  const isLast = readComplete(request);
  const body = bodyOf(request);
  const { upload } = await uploads.settle(id);
  const isThere = upload.state === "arriving" && prefixEnd(upload.coverage) === offset;
  if (isLast && isThere && body.size !== undefined) {
    await uploads.declareSize(id, offset + body.size);
  }
  const progress = await uploads.append(id, { offset, ...body }, request.signal);
  if (!isLast || progress.upload.size !== null) return progress;
  const end = progress.upload.coverage.at(-1)?.[1] ?? 0;
  return uploads.declareSize(id, end);
}

function stated(progress: Progress): Record<string, string> {
  const complete = progress.upload.state === "finished" ? "?1" : "?0";
  return { ...standing(progress), "upload-complete": complete };
}

/** `Upload-Complete`: a boolean of RFC 9651; required. */
function readComplete({ headers }: TusRequest): boolean {
  const value = headers.get("upload-complete")?.trim();
  if (value === "?1") return true;
  if (value === "?0") return false;
  throw new Fault("invalid", `Upload-Complete must be ?1 or ?0, not ${JSON.stringify(value ?? "")}`);
}

function mismatch({ message }: Fault, provided: number, expected: number): Response {
  const problem = {
    type: `${PROBLEM}mismatching-upload-offset`,
    title: message,
    "expected-offset": expected,
    "provided-offset": provided,
  };
  return new Response(JSON.stringify(problem), {
    status: STATUS.conflict,
    headers: { "content-type": "application/problem+json", "upload-offset": String(expected) },
  });
}
