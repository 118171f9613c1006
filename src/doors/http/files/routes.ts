// Files over HTTP: their bytes at /files/:id, their records at /api/files.

import type { Files } from "../../../domain/files/files.ts";
import type { FileRecord } from "../../../ports/records.ts";
import { FileEntry, FilePage, FileRename } from "../../../wire/api.ts";
import { pathTo, ROUTES } from "../../../wire/routes.ts";
import { readJson } from "../body.ts";
import { readPageQuery } from "../pages.ts";
import type { Route } from "../route.ts";
import { serveFile } from "./serve.ts";

export function filesRoutes({ files }: { readonly files: Files }): Route[] {
  const idOf = (request: { params: Record<string, string> }) => request.params.id ?? "";
  return [
    {
      method: "GET",
      path: ROUTES.file,
      summary: "The bytes of a file, with ranges and conditions by RFC 9110.",
      crossOrigin: true,
      handle: async (request) => serveFile(request, files, await files.require(idOf(request))),
    },
    {
      method: "GET",
      path: ROUTES.files,
      summary: "The files, newest first or by name, in pages.",
      answer: FilePage,
      handle: async (request) => {
        const { records, next } = await files.page(readPageQuery(request));
        return Response.json({ files: records.map(fileEntry), next } satisfies FilePage);
      },
    },
    {
      method: "GET",
      path: ROUTES.fileRecord,
      summary: "What is known about a file.",
      answer: FileEntry,
      handle: async (request) => Response.json(fileEntry(await files.require(idOf(request)))),
    },
    {
      method: "PATCH",
      path: ROUTES.fileRecord,
      summary: "Gives a file another name.",
      body: FileRename,
      answer: FileEntry,
      handle: async (request) => {
        const { name } = await readJson(request, FileRename);
        return Response.json(fileEntry(await files.rename(idOf(request), name)));
      },
    },
    {
      method: "DELETE",
      path: ROUTES.fileRecord,
      summary: "Removes a file; downloads that have begun go on to their end.",
      handle: async (request) => {
        await files.remove(idOf(request));
        return new Response(null, { status: 204 });
      },
    },
  ];
}

/** A file as our interface shows it. */
export function fileEntry(file: FileRecord): FileEntry {
  const { id, name, size, sha256, mediaType, origin, createdAt, expiresAt } = file;
  return {
    id,
    name,
    size,
    sha256,
    mediaType,
    origin,
    createdAt,
    expiresAt,
    url: pathTo(ROUTES.file, { id }),
  };
}
