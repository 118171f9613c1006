// PUT /files/<name>: a whole file in one request, as `curl -T` sends it.

import type { Uploads } from "../../../domain/uploads/uploads.ts";
import type { Progress } from "../../../domain/uploads/writes.ts";
import type { FileRecord } from "../../../ports/records.ts";
import { FileEntry } from "../../../wire/api.ts";
import { Fault } from "../../../wire/faults.ts";
import { pathTo, ROUTES } from "../../../wire/routes.ts";
import { declaredLength } from "../body.ts";
import { readSha256, reprDigest } from "../digests.ts";
import { fileEntry } from "../files/routes.ts";
import { mediaType } from "../media-type.ts";
import type { Route } from "../route.ts";
import { lastPartOf } from "../target.ts";

const CREATED = 201;

export function putRoutes({ uploads }: { readonly uploads: Uploads }): Route[] {
  return [
    {
      method: "PUT",
      path: ROUTES.file,
      summary:
        "Stores the body as a new file of this name; Repr-Digest or Content-Digest is checked if sent.",
      answer: FileEntry,
      crossOrigin: true,
      handle: async (request) => created(await receive(request, uploads)),
    },
  ];
}

async function receive(request: Request, uploads: Uploads): Promise<FileRecord> {
  const { headers } = request;
  if (headers.has("content-range")) {
    throw new Fault("invalid", "a part of a file cannot be PUT", {
      hint: "Use /uploads for files in pieces.",
    });
  }
  if (headers.has("if-match")) {
    throw new Fault("precondition", "a PUT makes a new file, so there is none that If-Match could match");
  }
  const size = declaredLength(request) ?? null;
  const declaredSha256 = declaredDigest(headers);
  const id = `put:${crypto.randomUUID()}`;
  const begun = await uploads.begin({
    ...{
      id,
      protocol: "put",
      name: lastPartOf(request.url),
      mediaType: mediaType(headers.get("content-type")),
    },
    ...{ size, ...(declaredSha256 !== undefined && { declaredSha256 }) },
  });
  try {
    const { file } = begun.file ? begun : await take(request, uploads, id, size);
    if (file) return file;
    throw new Fault("internal", `the upload ${id} ended without a file`);
  } catch (error) {
    // Only its own request could have completed it.
    await uploads.discard(id);
    throw error;
  }
}

async function take(request: Request, uploads: Uploads, id: string, size: number | null): Promise<Progress> {
  const source = request.body ?? new Blob([]).stream();
  const progress = await uploads.append(id, { offset: 0, source, isGiven: true }, request.signal);
  return size === null ? uploads.declareSize(id, progress.upload.coverage.at(-1)?.[1] ?? 0) : progress;
}

/** A body without a content coding has the same bytes as its representation, so both headers mean the same. */
function declaredDigest(headers: Headers): string | undefined {
  const repr = readSha256("Repr-Digest", headers.get("repr-digest"));
  const content = readSha256("Content-Digest", headers.get("content-digest"));
  if (repr !== undefined && content !== undefined && repr !== content) {
    throw new Fault("invalid", `Repr-Digest says ${repr}, but Content-Digest says ${content}`);
  }
  return repr ?? content;
}

function created(file: FileRecord): Response {
  const headers = {
    location: pathTo(ROUTES.file, { id: file.id }),
    etag: `"${file.sha256}"`,
    "repr-digest": reprDigest(file.sha256),
  };
  return Response.json(fileEntry(file), { status: CREATED, headers });
}
