// PATCH: the bytes that continue an upload, streamed to the disk while they arrive.

import { isJoin } from "../../../domain/uploads/upload-state.ts";
import type { Uploads } from "../../../domain/uploads/uploads.ts";
import type { Progress } from "../../../domain/uploads/writes.ts";
import { Fault, isFault } from "../../../wire/faults.ts";
import { parseByteCount, TUS_BODY } from "../../../wire/tus.ts";
import { answerFault, plainBody } from "../server.ts";
import { checkVersion, standing, type TusRequest, uploadId } from "./answer.ts";
import { bodyOf, readChecksum } from "./body.ts";
import { appendByDraft, speaksDraft } from "./draft.ts";

const NO_CONTENT = 204;

export async function patchUpload(
  request: TusRequest,
  { uploads }: { readonly uploads: Uploads },
): Promise<Response> {
  if (speaksDraft(request)) return appendByDraft(request, uploads);
  checkVersion(request);
  checkType(request);
  const id = uploadId(request);
  const offset = parseByteCount("Upload-Offset", request.headers.get("upload-offset") ?? "");
  const checksum = readChecksum(request);
  const length = request.headers.get("upload-length");
  const upload = await uploads.get(id);
  if (upload && isJoin(upload)) {
    throw new Fault("forbidden", "a final upload is made of its parts; nothing can be added to it");
  }
  try {
    if (length !== null) await uploads.declareSize(id, parseByteCount("Upload-Length", length));
    const progress = await uploads.append(id, { offset, ...bodyOf(request), ...checksum }, request.signal);
    return new Response(null, { status: NO_CONTENT, headers: standing(progress) });
  } catch (error) {
    if (!isFault(error, "conflict") || error.details?.offset === undefined) throw error;
    const answer = answerFault(error, plainBody);
    answer.headers.set("upload-offset", String(error.details.offset));
    return answer;
  }
}

/** The bytes that come with a creation. */
export async function appendFirst(request: TusRequest, uploads: Uploads, id: string): Promise<Progress> {
  const append = { offset: 0, ...bodyOf(request), ...readChecksum(request) };
  return uploads.append(id, append, request.signal);
}

/** Fault `unsupported-media` unless the body is of tus's type. */
export function checkType(request: TusRequest): void {
  const type = request.headers.get("content-type") ?? "";
  if (type.split(";", 1)[0]?.trim().toLowerCase() === TUS_BODY) return;
  throw new Fault(
    "unsupported-media",
    `the body must be ${TUS_BODY}, not ${JSON.stringify(type.slice(0, 80))}`,
  );
}
