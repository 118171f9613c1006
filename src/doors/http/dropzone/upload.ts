// One POST of a Dropzone client: a chunk of a CSV, or a small CSV whole, streamed into the ledger.

import type { Spool } from "../../../domain/uploads/new-upload.ts";
import type { Uploads } from "../../../domain/uploads/uploads.ts";
import type { Progress } from "../../../domain/uploads/writes.ts";
import { Fault } from "../../../wire/faults.ts";
import { type FilePart, readMultipart } from "../multipart.ts";
import {
  type ChunkFields,
  csvName,
  hasChunkFields,
  placeCounted,
  placeEarly,
  readChunkFields,
} from "./chunk-fields.ts";

const MEDIA_TYPE = "text/csv; charset=utf-8";

/** A file part that came before it was clear where its bytes belong. */
interface Waiting {
  readonly filename: string;
  readonly spool: Spool;
}

/** Takes the request's chunk; everything is durable when it resolves. */
export async function receiveUpload(request: Request, uploads: Uploads): Promise<Progress> {
  const fields = new Map<string, string>();
  let progress: Progress | undefined;
  let waiting: Waiting | undefined;
  try {
    for await (const part of readMultipart(request)) {
      if (part.kind === "field") fields.set(part.name, part.value);
      else if (part.name !== "file")
        throw new Fault("invalid", `the file part must be named "file", not ${part.name}`);
      else {
        progress = await takeEarly(request, uploads, fields, part);
        if (!progress) waiting = await spool(request, uploads, fields, part);
      }
    }
    if (progress) return progress;
    if (!waiting) throw new Fault("invalid", 'the form has no part "file"');
    progress = await takeWaiting(uploads, fields, waiting);
    return progress;
  } finally {
    // A spool that became the upload itself is no longer ours.
    if (waiting && progress?.upload.staging !== waiting.spool.staging)
      await uploads.discardSpool(waiting.spool);
  }
}

/** Streams the part straight to its place, if the fields before it tell the place. */
async function takeEarly(
  request: Request,
  uploads: Uploads,
  fields: ReadonlyMap<string, string>,
  part: FilePart,
): Promise<Progress | undefined> {
  if (!hasChunkFields(fields)) return undefined;
  // A literal "file" is a client that gives the name in a field, which may still come.
  if (part.filename === "file" && !fields.has("dzfilename")) return undefined;
  const chunk = readChunkFields(fields);
  const place = chunk && placeEarly(chunk);
  if (!chunk || !place) return undefined;
  return write(
    uploads,
    chunk,
    csvName(fields, part.filename),
    { ...place, source: part.content },
    request.signal,
  );
}

async function spool(
  request: Request,
  uploads: Uploads,
  fields: ReadonlyMap<string, string>,
  part: FilePart,
): Promise<Waiting> {
  // Refused before its bytes are stored, unless the name is still to come.
  if (fields.has("dzfilename") || part.filename !== "file") csvName(fields, part.filename);
  return { filename: part.filename, spool: await uploads.spool(part.content, request.signal) };
}

async function takeWaiting(
  uploads: Uploads,
  fields: ReadonlyMap<string, string>,
  { filename, spool }: Waiting,
): Promise<Progress> {
  const name = csvName(fields, filename);
  const chunk = readChunkFields(fields);
  if (chunk) {
    const place = { offset: placeCounted(chunk, spool.size), size: spool.size };
    return write(uploads, chunk, name, { ...place, source: uploads.readSpool(spool) });
  }
  const id = `dropzone:${crypto.randomUUID()}`;
  const upload = { id, protocol: "dropzone", name, mediaType: MEDIA_TYPE, size: spool.size, spool } as const;
  return uploads.begin(upload).catch(async (error) => {
    // Its client knows no id to go on with, and sends the file again.
    if (await uploads.get(id)) await uploads.discard(id);
    throw error;
  });
}

async function write(
  uploads: Uploads,
  { dzuuid, total }: ChunkFields,
  name: string,
  chunk: { readonly offset: number; readonly size: number; readonly source: AsyncIterable<Uint8Array> },
  signal?: AbortSignal,
): Promise<Progress> {
  const id = `dropzone:${dzuuid}`;
  await uploads.ensure({ id, protocol: "dropzone", name, mediaType: MEDIA_TYPE, size: total });
  return uploads.write(id, { ...chunk, repeated: "compare" }, signal);
}
