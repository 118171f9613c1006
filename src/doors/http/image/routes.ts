// The image protocol: an image is registered by its SHA-256, its chunks come as JSON in any order.

import type { BunRequest } from "bun";
import { z } from "zod";
import type { Files } from "../../../domain/files/files.ts";
import type { Uploads } from "../../../domain/uploads/uploads.ts";
import { Fault, isFault } from "../../../wire/faults.ts";
import { ROUTES } from "../../../wire/routes.ts";
import { readJson } from "../body.ts";
import type { BodyRoom } from "../body-room.ts";
import { serveFile } from "../files/serve.ts";
import type { FaultBody, Route } from "../route.ts";
import { ImageChunkSchema, imageChunk, isDigest, registration, Sha256 } from "./bodies.ts";

export interface ImageDoorOptions {
  readonly uploads: Uploads;
  readonly files: Files;
  /** The most bytes of one chunk's JSON body. */
  readonly chunkLimit: number;
  /** What the bodies of large chunks may take together. */
  readonly room: BodyRoom;
}

const CREATED = 201;

export function imageRoutes({ uploads, files, chunkLimit, room }: ImageDoorOptions): Route[] {
  return [
    {
      method: "POST",
      path: ROUTES.images,
      summary: "Registers an image by its SHA-256, size and chunk size.",
      body: z.object({ sha256: z.string(), size: z.number(), chunk_size: z.number() }),
      faultBody,
      handle: (request) => register(request, uploads),
    },
    {
      method: "POST",
      path: ROUTES.imageChunks,
      summary: "Takes one chunk of a registered image.",
      body: ImageChunkSchema,
      faultBody,
      handle: (request) => room.hold(request, chunkLimit, () => takeChunk(request, uploads, chunkLimit)),
    },
    {
      method: "GET",
      path: ROUTES.image,
      summary: "The whole image, once it is complete and its SHA-256 is right.",
      // Whoever knows its digest knows the image; registering one is left to clients that are no pages.
      crossOrigin: true,
      faultBody,
      handle: (request) => download(request, uploads, files, digestOf(request.params.sha256)),
    },
  ];
}

/** The protocol's errors: both members are strings. */
export const faultBody: FaultBody = ({ message }, status) => ({ code: String(status), message });

async function register(request: Request, uploads: Uploads): Promise<Response> {
  const { sha256, size, chunk_size: chunkSize } = await readJson(request, registration);
  try {
    await uploads.begin({
      id: idOf(sha256),
      protocol: "image",
      name: `${sha256}.txt`,
      mediaType: "text/plain; charset=utf-8",
      size,
      declaredSha256: sha256,
      meta: { chunkSize: String(chunkSize) },
    });
  } catch (error) {
    if (!isFault(error, "exists")) throw error;
    throw new Fault("exists", `the image ${sha256} is registered already`);
  }
  return created();
}

async function takeChunk(
  request: BunRequest<string>,
  uploads: Uploads,
  chunkLimit: number,
): Promise<Response> {
  const sha256 = digestOf(request.params["sha256"]);
  const chunk = await readJson(request, imageChunk, chunkLimit);
  const upload = await uploads.get(idOf(sha256));
  if (!upload || upload.state === "failed") throw unknown(sha256);
  // A whole image is a file, which does not know in what chunks it came.
  if (upload.state === "finished") throw new Fault("exists", `the image ${sha256} is complete`);
  const size = upload.size ?? 0;
  const chunkSize = Number(upload.meta.chunkSize);
  const count = Math.ceil(size / chunkSize);
  if (chunk.id >= count) {
    throw new Fault("invalid", `chunk ${chunk.id} is out of range: the image has ${count} chunks from 0 on`);
  }
  const offset = chunk.id * chunkSize;
  const expected = Math.min(chunkSize, size - offset);
  const bytes = bytesOf(chunk.data);
  if (bytes.length !== chunk.size || bytes.length !== expected) {
    throw new Fault(
      "invalid",
      `chunk ${chunk.id} must have ${expected} bytes; its data has ${bytes.length}, its size says ${chunk.size}`,
    );
  }
  try {
    await uploads.write(upload.id, { offset, size: expected, source: bytes, repeated: "refuse" });
  } catch (error) {
    if (isFault(error, "gone") || isFault(error, "not-found")) throw unknown(sha256, error);
    if (isFault(error, "exists")) throw new Fault("exists", `chunk ${chunk.id} of ${sha256} exists already`);
    throw error;
  }
  return created();
}

async function download(request: Request, uploads: Uploads, files: Files, sha256: string): Promise<Response> {
  const file = await uploads.fileOf(idOf(sha256));
  if (file) return serveFile(request, files, file);
  const upload = await uploads.get(idOf(sha256));
  const why = upload?.state === "arriving" ? "is not complete" : "is not registered";
  throw new Fault("not-found", `the image ${sha256} ${why}`);
}

/** The decoded text as UTF-8; half a surrogate pair has no bytes, so it could not be given back as it came. */
function bytesOf(data: string): Uint8Array {
  if (data.isWellFormed()) return Buffer.from(data, "utf8");
  throw new Fault("invalid", "data contains half a surrogate pair, which UTF-8 cannot hold");
}

function digestOf(text: string | undefined): string {
  if (isDigest(text)) return text;
  const result = Sha256.safeParse(text);
  if (result.success) return result.data;
  // What was never a digest was never registered.
  throw unknown((text ?? "").slice(0, 80).toWellFormed());
}

function idOf(sha256: string): string {
  return `image:${sha256}`;
}

function unknown(sha256: string, cause?: unknown): Fault {
  return new Fault("not-found", `the image ${JSON.stringify(sha256)} is not registered`, { cause });
}

function created(): Response {
  return new Response(null, { status: CREATED });
}
