// Uploads over HTTP, whatever protocol they came by: which there are, what each has received, and its end.

import { received } from "../../../domain/uploads/coverage.ts";
import type { Uploads } from "../../../domain/uploads/uploads.ts";
import type { UploadRecord } from "../../../ports/records.ts";
import { UploadEntry, UploadPage } from "../../../wire/api.ts";
import { Fault } from "../../../wire/faults.ts";
import { ROUTES } from "../../../wire/routes.ts";
import { readPageQuery } from "../pages.ts";
import type { Route } from "../route.ts";

export function uploadsRoutes({ uploads }: { readonly uploads: Uploads }): Route[] {
  return [
    {
      method: "GET",
      path: ROUTES.uploads,
      summary: "The uploads, newest first or by name, in pages.",
      answer: UploadPage,
      handle: async (request) => {
        const { records, next } = await uploads.page(readPageQuery(request));
        return Response.json({ uploads: records.map(uploadEntry), next } satisfies UploadPage);
      },
    },
    {
      method: "GET",
      path: ROUTES.upload,
      summary: "One upload and the byte ranges it has; a Dropzone or tus upload also by its own id alone.",
      answer: UploadEntry,
      crossOrigin: true,
      handle: async (request) => Response.json(uploadEntry(await find(uploads, request.params.id ?? ""))),
    },
    {
      method: "DELETE",
      path: ROUTES.upload,
      summary: "Forgets an upload and the bytes staged for it; a file it has become stays.",
      handle: async (request) => {
        const { id } = await find(uploads, request.params.id ?? "");
        await uploads.discard(id);
        return new Response(null, { status: 204 });
      },
    },
  ];
}

async function find(uploads: Uploads, id: string): Promise<UploadRecord> {
  const upload =
    (await uploads.get(id)) ?? (await uploads.get(`dropzone:${id}`)) ?? (await uploads.get(`tus:${id}`));
  if (upload) return upload;
  throw new Fault("not-found", `there is no upload ${JSON.stringify(id.slice(0, 100))}`);
}

function uploadEntry(upload: UploadRecord): UploadEntry {
  const { id, protocol, name, size, state, fileId, error, createdAt, updatedAt, expiresAt } = upload;
  const ranges = upload.coverage.map(([start, end]): [number, number] => [start, end]);
  const shown = { id, protocol, name, size, state, fileId, error, createdAt, updatedAt, expiresAt };
  return { ...shown, ranges, received: received(upload.coverage) };
}
