// The headers of tus 1.0 (https://tus.io/protocols/resumable-upload): parsed and written. Pure.

import { Fault } from "./faults.ts";

export const TUS_VERSION = "1.0.0";
/** The type of every body that carries an upload's bytes. */
export const TUS_BODY = "application/offset+octet-stream";
export const TUS_EXTENSIONS =
  "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation";

/** What `Upload-Metadata` says, keys in the client's spelling. */
export type TusMetadata = ReadonlyMap<string, string>;

/** §Upload-Metadata: `key base64, key base64, key`; values are UTF-8. Fault `invalid`. */
export function parseMetadata(header: string): TusMetadata {
  const pairs = new Map<string, string>();
  if (header.trim() === "") return pairs;
  for (const part of header.split(",")) {
    const [key = "", value = "", ...rest] = part.trim().split(" ");
    const isSound = /^[\x21-\x2b\x2d-\x7e]+$/.test(key) && BASE64.test(value) && rest.length === 0;
    if (!isSound || pairs.has(key)) {
      throw new Fault("invalid", `Upload-Metadata is malformed at ${JSON.stringify(part.slice(0, 80))}`, {
        hint: 'Write "key base64value", pairs separated by commas, each key once.',
      });
    }
    pairs.set(key, decodeText(key, value));
  }
  return pairs;
}

/** The header for `metadata`; keys must be printable ASCII without spaces and commas. */
export function formatMetadata(metadata: Iterable<readonly [string, string]>): string {
  return [...metadata]
    .map(([key, value]) => (value === "" ? key : `${key} ${encodeBase64(new TextEncoder().encode(value))}`))
    .join(",");
}

/** A whole number of bytes, 0 to 2^53 - 1. Fault `invalid` that names the header. */
export function parseByteCount(name: string, value: string): number {
  const count = /^\d{1,16}$/.test(value.trim()) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(count)) return count;
  throw new Fault(
    "invalid",
    `${name} must be a whole number of bytes, not ${JSON.stringify(value.slice(0, 80))}`,
  );
}

/** §Upload-Checksum: `algorithm base64digest`. Fault `invalid`. */
export function parseChecksum(header: string): { algorithm: string; digest: Uint8Array } {
  const [algorithm = "", digest = "", ...rest] = header.trim().split(" ");
  if (algorithm === "" || digest === "" || rest.length > 0 || !BASE64.test(digest)) {
    throw new Fault("invalid", `Upload-Checksum is malformed: ${JSON.stringify(header.slice(0, 80))}`, {
      hint: 'Write the algorithm, a space, and the digest in base64: "sha1 Kq5s…=".',
    });
  }
  return { algorithm: algorithm.toLowerCase(), digest: decodeBase64(digest) };
}

/** §Upload-Concat: `partial`, or `final;` and the parts' URLs in order. Fault `invalid`. */
export function parseConcat(header: string): "partial" | { readonly parts: readonly string[] } {
  if (header.trim() === "partial") return "partial";
  const urls =
    /^final;(.*)$/
      .exec(header.trim())?.[1]
      ?.split(" ")
      .filter((url) => url !== "") ?? [];
  if (urls.length > 0) return { parts: urls };
  throw new Fault(
    "invalid",
    `Upload-Concat must be "partial", or "final;" and URLs, not ${JSON.stringify(header.slice(0, 80))}`,
  );
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

function decodeText(key: string, value: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(decodeBase64(value));
  } catch (cause) {
    throw new Fault("invalid", `the value of ${JSON.stringify(key)} in Upload-Metadata is not UTF-8`, {
      cause,
    });
  }
}

function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

function encodeBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
