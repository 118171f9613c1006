// Uploads as the bytes that go over the connection, so that a test can cut it at any of them.

export interface RawUpload {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The whole request. */
export function requestBytes({ method, path, headers, body }: RawUpload): Buffer {
  const lines = Object.entries({ host: "x", "content-length": String(body.length), ...headers });
  const head = [`${method} ${path} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
}

/** The same request as a client sends it whose connection holds. */
export function sendUpload(origin: string, { method, path, headers, body }: RawUpload): Promise<Response> {
  return fetch(origin + path, { method, headers, body: body.length > 0 ? body : null });
}

/** POST /api/upload_file: the chunk at `offset` of the CSV `bytes`. */
export async function dropzoneChunk(
  dzuuid: string,
  bytes: Uint8Array<ArrayBuffer>,
  offset: number,
  chunkSize: number,
): Promise<RawUpload> {
  const form = new FormData();
  const fields = { dzuuid, dzchunkbyteoffset: offset, dzchunksize: chunkSize, dztotalfilesize: bytes.length };
  for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
  form.append("file", new File([bytes.slice(offset, offset + chunkSize)], "plays.csv"));
  const whole = new Response(form);
  const headers = { "content-type": whole.headers.get("content-type") ?? "" };
  return { method: "POST", path: "/api/upload_file", headers, body: await whole.bytes() };
}

/** A POST of JSON. */
export function jsonPost(path: string, body: unknown): RawUpload {
  const headers = { "content-type": "application/json" };
  return { method: "POST", path, headers, body: new Uint8Array(Buffer.from(JSON.stringify(body))) };
}
