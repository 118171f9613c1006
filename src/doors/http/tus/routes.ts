// tus 1.0, and the IETF's draft, at /uploads: an upload is created, told where it stands, continued, joined, downloaded and ended.

import type { Files } from "../../../domain/files/files.ts";
import { CHECKSUMS } from "../../../domain/uploads/checksum.ts";
import type { Uploads } from "../../../domain/uploads/uploads.ts";
import { Fault } from "../../../wire/faults.ts";
import { ROUTES } from "../../../wire/routes.ts";
import { TUS_EXTENSIONS, TUS_VERSION } from "../../../wire/tus.ts";
import { serveFile } from "../files/serve.ts";
import type { Route } from "../route.ts";
import { checkVersion, type TusRequest, uploadId } from "./answer.ts";
import { createUpload } from "./create.ts";
import { tellOffset } from "./offset.ts";
import { patchUpload } from "./patch.ts";

export interface TusDoorOptions {
  readonly uploads: Uploads;
  readonly files: Files;
  /** The most bytes of one upload, announced as Tus-Max-Size; null: as many as the disk takes. */
  readonly maxSize?: number | null;
}

const OK = 204;

export function tusRoutes({ uploads, files, maxSize = null }: TusDoorOptions): Route[] {
  const shared = {
    crossOrigin: true,
    headers: { "tus-resumable": TUS_VERSION, "tus-version": TUS_VERSION },
  };
  const capabilities = {
    "tus-extension": TUS_EXTENSIONS,
    "tus-checksum-algorithm": CHECKSUMS.join(","),
    ...(maxSize !== null && { "tus-max-size": String(maxSize), "upload-limit": `max-size=${maxSize}` }),
  };
  const collection = [ROUTES.tusUploads, `${ROUTES.tusUploads}/`].flatMap((path): Route[] => [
    {
      ...shared,
      method: "POST",
      path,
      summary: "Creates a tus upload, perhaps with its first bytes, or joins partial uploads to a file.",
      handle: (request) => createUpload(request, uploads),
    },
    {
      ...shared,
      method: "OPTIONS",
      path,
      summary: "What this server knows of tus.",
      handle: () => new Response(null, { status: OK, headers: capabilities }),
    },
  ]);
  const onUpload = ([method, summary, handle]: MethodRow): Route => ({
    ...shared,
    ...{ method, summary, path: ROUTES.tusUpload },
    handle: (request) => handle(request, { uploads, files }),
  });
  return [
    ...collection,
    ...METHODS.map(onUpload),
    {
      ...shared,
      method: "OPTIONS",
      path: ROUTES.tusUpload,
      summary: "What this server knows of tus.",
      handle: () => new Response(null, { status: OK, headers: capabilities }),
    },
  ];
}

type Services = Pick<TusDoorOptions, "uploads" | "files">;
type MethodRow = readonly [
  method: "GET" | "HEAD" | "PATCH" | "DELETE" | "POST",
  summary: string,
  handle: (request: TusRequest, services: Services) => Promise<Response>,
];

const METHODS: readonly MethodRow[] = [
  ["GET", "The bytes of a finished upload, with ranges.", download],
  ["HEAD", "Where a tus upload stands.", tellOffset],
  [
    "PATCH",
    "Continues a tus upload at Upload-Offset; what arrives is kept even if the request breaks.",
    patchUpload,
  ],
  ["DELETE", "Ends a tus upload and removes what it has become.", terminate],
  ["POST", "The method that X-HTTP-Method-Override names, where a network lets only POST pass.", overridden],
];

function overridden(request: TusRequest, services: Services): Promise<Response> {
  const method = (request.headers.get("x-http-method-override") ?? "").toUpperCase();
  const row = METHODS.find(([name]) => name === method && name !== "GET" && name !== "POST");
  if (row) return row[2](request, services);
  throw new Fault("invalid", "POST to an upload needs X-HTTP-Method-Override: PATCH, HEAD or DELETE");
}

/** Frees what the upload holds: its staged bytes, or the file it has become. */
async function terminate(request: TusRequest, { uploads, files }: Services): Promise<Response> {
  if (request.headers.has("tus-resumable")) checkVersion(request);
  const id = uploadId(request);
  // As it was when it was removed: a last PATCH may have come since the request did.
  const { fileId } = await uploads.discard(id);
  const file = fileId === null ? undefined : await files.get(fileId);
  if (file?.origin === `upload:${id}`) await files.remove(file.id);
  return new Response(null, { status: OK });
}

async function download(request: TusRequest, { uploads, files }: Services): Promise<Response> {
  const id = uploadId(request);
  const upload = await uploads.get(id);
  if (!upload) throw new Fault("not-found", `there is no upload ${JSON.stringify(id.slice(0, 100))}`);
  if (upload.fileId === null) throw new Fault("not-ready", `the upload ${id} is not finished`);
  return serveFile(request, files, await files.require(upload.fileId));
}
