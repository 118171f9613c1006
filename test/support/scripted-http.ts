// A server of HTTP that answers as a test tells it, and remembers what it was asked.

export interface ScriptedHttp extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  /** `METHOD /path` of every request, in order. */
  readonly asked: readonly string[];
}

/** `answer` is called for each request; `n` counts those before it. */
export function scriptedHttp(
  answer: (request: Request, n: number) => Response | Promise<Response>,
): ScriptedHttp {
  const asked: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const n = asked.push(`${request.method} ${new URL(request.url).pathname}`) - 1;
      return answer(request, n);
    },
  });
  return {
    origin: `http://127.0.0.1:${server.port}`,
    asked,
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
}

/** A file as a server with ranges gives it; `headers` replace or, when empty, remove what a good server says. */
export function rangedAnswer(
  request: Request,
  bytes: Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "");
  const all = new Headers({ "accept-ranges": "bytes", etag: '"one"' });
  const start = Number(range?.[1] ?? 0);
  const end = Math.min(bytes.length, range ? Number(range[2]) + 1 : bytes.length);
  if (range) all.set("content-range", `bytes ${start}-${end - 1}/${bytes.length}`);
  for (const [name, value] of Object.entries(headers)) {
    if (value === "") all.delete(name);
    else all.set(name, value);
  }
  if (request.method === "HEAD") all.set("content-length", String(bytes.length));
  const isPart = range !== null && (request.headers.get("if-range") ?? '"one"') === all.get("etag");
  if (range && !isPart) all.delete("content-range");
  const body = request.method === "HEAD" ? null : isPart ? bytes.subarray(start, end) : bytes;
  return new Response(body, { status: isPart ? 206 : 200, headers: all });
}
