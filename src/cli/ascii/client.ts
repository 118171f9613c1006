// The three requests of the image protocol, and what their answers mean.

import { Fault } from "../../wire/faults.ts";
import { pathTo, ROUTES } from "../../wire/routes.ts";

export interface ImageServer {
  /** `http://host:port`. */
  readonly origin: string;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface Image {
  readonly text: string;
  readonly sha256: string;
  /** Bytes; the images are ASCII, so also characters. */
  readonly size: number;
  readonly chunkSize: number;
}

/** True: created; false: it was registered already. */
export function register(server: ImageServer, { sha256, size, chunkSize }: Image): Promise<boolean> {
  return create(server, ROUTES.images, { sha256, size, chunk_size: chunkSize });
}

/** True: taken; false: the server had it already. */
export function sendChunk(server: ImageServer, image: Image, id: number): Promise<boolean> {
  const data = image.text.slice(id * image.chunkSize, (id + 1) * image.chunkSize);
  const path = pathTo(ROUTES.imageChunks, { sha256: image.sha256 });
  return create(server, path, { id, size: data.length, data });
}

export async function download(server: ImageServer, { sha256 }: Image): Promise<string> {
  const path = pathTo(ROUTES.image, { sha256 });
  const response = await request(server, path, { headers: { accept: "text/plain" } });
  if (!response.ok) throw await refusal(`GET ${path}`, response);
  return response.text();
}

async function create(server: ImageServer, path: string, body: unknown): Promise<boolean> {
  const headers = { "content-type": "application/json" };
  const response = await request(server, path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok && response.status !== 409) throw await refusal(`POST ${path}`, response);
  // Read to its end, so that the connection can be used again.
  await response.arrayBuffer();
  return response.ok;
}

async function request(server: ImageServer, path: string, init: RequestInit): Promise<Response> {
  const { origin, signal } = server;
  const headers = { ...server.headers, ...(init.headers as Record<string, string> | undefined) };
  try {
    return await fetch(origin + path, { ...init, headers, signal });
  } catch (cause) {
    signal.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Fault("unreachable", `no answer from ${origin}: ${reason}`, {
      hint: "Is 'cairn serve' running there? Its image port is 4444 by default.",
      cause,
    });
  }
}

async function refusal(what: string, response: Response): Promise<Fault> {
  const text = (await response.text()).slice(0, 300);
  return new Fault("conflict", `${what} was answered ${response.status}: ${text}`);
}
