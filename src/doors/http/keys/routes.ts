// The keys of the store over HTTP, for the dashboard and for scripts: list, preview, download.

import type { ItemCopy, ItemHead, Kv } from "../../../ports/kv.ts";
import { type KeyEntry, KeyPage, KeyPreview } from "../../../wire/api.ts";
import { Fault } from "../../../wire/faults.ts";
import { decodeKey, encodeKey } from "../../../wire/key-codec.ts";
import { ROUTES } from "../../../wire/routes.ts";
import type { Route } from "../route.ts";
import { PREVIEW_BYTES, previewOf } from "./preview.ts";
import { limitOf, rawParam } from "./query.ts";
import { beginningOf, sendValue } from "./value-download.ts";

export interface KeyRouteOptions {
  readonly kv: Pick<Kv, "execute" | "read" | "scan">;
}

export function keyRoutes({ kv }: KeyRouteOptions): Route[] {
  return [
    {
      method: "GET",
      path: ROUTES.keys,
      summary: "Keys in byte order without their values: ?prefix= (percent-encoded bytes), ?after=, ?limit=.",
      answer: KeyPage,
      handle: async ({ url }) => Response.json(await listKeys(kv, url), { headers: FRESH }),
    },
    {
      method: "GET",
      path: ROUTES.valuePreview,
      summary: "The beginning of the value of ?key= (percent-encoded bytes), as text or hexadecimal digits.",
      answer: KeyPreview,
      handle: async ({ url }) => Response.json(await previewKey(kv, url), { headers: FRESH }),
    },
    {
      method: "GET",
      path: ROUTES.value,
      summary: "The value of ?key= (percent-encoded bytes) as a download, whole or one range of it.",
      handle: (request) => downloadValue(kv, request),
    },
    {
      method: "DELETE",
      path: ROUTES.value,
      summary: "Deletes ?key= (percent-encoded bytes), as memcached's delete does.",
      handle: ({ url }) => deleteKey(kv, url),
    },
  ];
}

const FRESH = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

async function listKeys(kv: KeyRouteOptions["kv"], url: string): Promise<KeyPage> {
  const after = rawParam(url, "after");
  const page = await kv.scan({
    prefix: decodeKey(rawParam(url, "prefix") ?? ""),
    limit: limitOf(url),
    ...(after && { after: decodeCursor(after) }),
  });
  return {
    keys: page.keys.map((head) => entryOf(head.key, head)),
    next: page.next === null ? null : encodeCursor(page.next),
  };
}

async function previewKey(kv: KeyRouteOptions["kv"], url: string): Promise<KeyPreview> {
  const { key, item } = await findItem(kv, url);
  return { ...entryOf(key, item), ...previewOf(await beginningOf(item, PREVIEW_BYTES), item.size) };
}

async function downloadValue(kv: KeyRouteOptions["kv"], request: Request): Promise<Response> {
  const { key, item } = await findItem(kv, request.url);
  const name = key.replace(/[^A-Za-z0-9._-]/g, "_").replace(/^\./, "_");
  const headers = new Headers({
    ...FRESH,
    "content-type": "application/octet-stream",
    "content-disposition": `attachment; filename="${name}"`,
    "content-security-policy": "sandbox",
  });
  return sendValue(request, item, headers);
}

async function deleteKey(kv: KeyRouteOptions["kv"], url: string): Promise<Response> {
  const key = keyOf(url);
  const [reply] = await kv.execute([{ kind: "delete", key, noreply: false }]);
  if (reply !== "deleted") throw notFound(key);
  return new Response(null, { status: 204 });
}

async function findItem(kv: KeyRouteOptions["kv"], url: string): Promise<{ key: string; item: ItemCopy }> {
  const key = keyOf(url);
  const item = await kv.read(key);
  if (item === undefined) throw notFound(key);
  return { key, item };
}

function keyOf(url: string): string {
  const encoded = rawParam(url, "key");
  if (!encoded) {
    throw new Fault("invalid", "the query has no key", {
      hint: "Add ?key= with the key's bytes, percent-encoded.",
    });
  }
  return decodeKey(encoded);
}

/** Encoded, a key has at most 750 characters; what is longer cannot be one. */
function notFound(key: string): Fault {
  return new Fault("not-found", `there is no key ${encodeKey(key).slice(0, 750)}`);
}

function entryOf(key: string, head: ItemHead): KeyEntry {
  return {
    key: encodeKey(key),
    size: head.size,
    flags: head.flags,
    cas: String(head.cas),
    expiresAt: head.exptime === 0 ? null : head.exptime,
  };
}

/** Opaque, and made of characters that no client needs to encode, or encodes twice. */
function encodeCursor(key: string): string {
  return Buffer.from(key, "latin1").toString("base64url");
}

function decodeCursor(cursor: string): string {
  if (!/^[A-Za-z0-9_-]+$/.test(cursor)) {
    throw new Fault(
      "invalid",
      `after is ${JSON.stringify(cursor.slice(0, 80))}, which is not the \`next\` of a page`,
    );
  }
  return Buffer.from(cursor, "base64url").toString("latin1");
}
