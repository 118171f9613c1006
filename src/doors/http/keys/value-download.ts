// The value of a key as a download: whole or one range of it, read as the client takes it when it is large.

import type { ItemCopy } from "../../../ports/kv.ts";
import { contentRange, parseRange, type Span } from "../../../wire/byte-ranges.ts";
import { isSpooled, type OpenValue } from "../../../wire/memcached/spooled.ts";
import { STATUS } from "../statuses.ts";

const OK = 200;
const PARTIAL = 206;
const NOT_MODIFIED = 304;
const PIECE = 262_144;

/** In the turn in which the item was given. Several ranges are answered with all (RFC 9110 §14.2 allows it). */
export function sendValue(request: Request, item: ItemCopy, headers: Headers): Response {
  // A unique is given to one value of one key, and this is asked for by key.
  const etag = `"${item.cas}"`;
  headers.set("etag", etag);
  headers.set("accept-ranges", "bytes");
  if (request.headers.get("if-none-match") === etag)
    return new Response(null, { status: NOT_MODIFIED, headers });
  const spans = spansOf(request.headers, item.size, etag);
  const [span] = spans ?? [{ start: 0, end: item.size }];
  if (!span) return refuseRange(request, item.size);
  headers.set("content-length", String(span.end - span.start));
  if (!spans) return new Response(bodyOf(item, span), { status: OK, headers });
  headers.set("content-range", contentRange(span, item.size));
  return new Response(bodyOf(item, span), { status: PARTIAL, headers });
}

/** The first `most` bytes; as above. */
export async function beginningOf({ value }: ItemCopy, most: number): Promise<Uint8Array> {
  if (!isSpooled(value)) return value.subarray(0, most);
  const open = value.open();
  try {
    const into = new Uint8Array(Math.min(most, open.length));
    return into.subarray(0, await open.read(0, into));
  } finally {
    open.close();
  }
}

/** undefined: all of it; none: no byte of it. */
function spansOf(headers: Headers, size: number, etag: string): readonly Span[] | undefined {
  const range = headers.get("range");
  const condition = headers.get("if-range");
  if (range === null || (condition !== null && condition !== etag)) return undefined;
  const spans = parseRange(range, size);
  return spans && spans.length > 1 ? undefined : spans;
}

function refuseRange(request: Request, size: number): Response {
  const message = `the range ${JSON.stringify(request.headers.get("range"))} lies outside the ${size} bytes`;
  const headers = { "content-range": contentRange(undefined, size), "accept-ranges": "bytes" };
  return Response.json({ error: { code: "range", message } }, { status: STATUS.range, headers });
}

function bodyOf({ value }: ItemCopy, span: Span): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  if (isSpooled(value)) return streamOf(value.open(), span);
  return value.subarray(span.start, span.end) as Uint8Array<ArrayBuffer>;
}

function streamOf(value: OpenValue, { start, end }: Span): ReadableStream<Uint8Array> {
  let at = start;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece = new Uint8Array(Math.min(PIECE, end - at));
      try {
        at += await value.read(at, piece);
      } catch (error) {
        value.close();
        throw error;
      }
      controller.enqueue(piece);
      if (at < end) return;
      value.close();
      controller.close();
    },
    cancel: () => value.close(),
  });
}
