// The value of a key as a download: whole or one range of it, read as the client takes it when it is large.

import type { ItemCopy } from "../../../ports/kv.ts";
import { contentRange, type Span } from "../../../wire/byte-ranges.ts";
import { isSpooled, type OpenValue } from "../../../wire/memcached/spooled.ts";
import { planDownload } from "../files/plan.ts";
import { refuseDownload } from "../files/refusal.ts";

const OK = 200;
const PARTIAL = 206;
const PIECE = 262_144;

/** Faults of the conditions. In the turn in which the item was given. Several ranges are answered with all (RFC 9110 §14.2 allows it). */
export function sendValue(request: Request, item: ItemCopy, headers: Headers): Response {
  // A unique is given to one value of one key, and this is asked for by key.
  const etag = `"${item.cas}"`;
  headers.set("etag", etag);
  headers.set("accept-ranges", "bytes");
  const representation = { size: item.size, etag };
  const plan = planDownload(request.method, request.headers, representation);
  if (plan.send === "nothing") return refuseDownload(plan.reason, request, representation, headers);
  const span = plan.send === "one" ? plan.span : { start: 0, end: item.size };
  headers.set("content-length", String(span.end - span.start));
  if (plan.send !== "one") return new Response(bodyOf(item, span), { status: OK, headers });
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
