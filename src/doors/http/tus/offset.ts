// HEAD: where an upload stands. Whoever still writes to it lets go first, so the answer holds.

import type { Uploads } from "../../../domain/uploads/uploads.ts";
import { checkVersion, standing, type TusRequest, uploadId } from "./answer.ts";
import { speaksDraft, tellByDraft } from "./draft.ts";

export async function tellOffset(
  request: TusRequest,
  { uploads }: { readonly uploads: Uploads },
): Promise<Response> {
  if (speaksDraft(request)) return tellByDraft(request, uploads);
  checkVersion(request);
  const progress = await uploads.settle(uploadId(request));
  const { size, meta } = progress.upload;
  return new Response(null, {
    headers: {
      ...standing(progress),
      ...(size === null ? { "upload-defer-length": "1" } : { "upload-length": String(size) }),
      ...(meta.tusMetadata && { "upload-metadata": meta.tusMetadata }),
      ...(meta.concat && { "upload-concat": meta.concat }),
      "cache-control": "no-store",
    },
  });
}
