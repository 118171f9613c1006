// What a server says of a file before it is downloaded: its size, its version, its digest and its name.

import { Backoff, type BackoffSettings } from "./backoff.ts";
import { answerFault, open, type RequestSettings } from "./request.ts";

export interface RemoteFile {
  readonly url: string;
  /** From Content-Disposition, else the last part of the path; may be empty. Not yet fit for a disk. */
  readonly name: string;
  readonly mediaType: string;
  /** In bytes; undefined where the server does not say. */
  readonly size: number | undefined;
  /** For If-Range: a strong ETag, or the date of the last change. Parts of different versions never mix. */
  readonly validator: string | undefined;
  /** As the server declares it, by Repr-Digest or as its ETag. */
  readonly sha256: string | undefined;
}

export interface TransferSettings extends RequestSettings, BackoffSettings {}

/** Asks by HEAD; where that is refused, by a GET that is not read. Faults: `not-found`, `unreachable`, … */
export async function remoteFile(url: string, settings: TransferSettings): Promise<RemoteFile> {
  const backoff = new Backoff(settings);
  let method = "HEAD";
  for (;;) {
    try {
      const { response, close } = await open(
        url,
        { method, headers: { "accept-encoding": "identity" } },
        settings,
      );
      close();
      if (response.ok) return describe(url, response);
      if (method === "HEAD" && (response.status === 405 || response.status === 501)) method = "GET";
      else throw answerFault(url, response, "");
    } catch (error) {
      await backoff.pause(error);
    }
  }
}

/** The version that an answer is of, in the words of If-Range (RFC 9110 §13.1.5): weak tags cannot be used. */
export function validatorOf(headers: Headers): string | undefined {
  const etag = headers.get("etag");
  if (etag?.startsWith('"')) return etag;
  return headers.get("last-modified") ?? undefined;
}

/**
 * The SHA-256 that an answer declares (RFC 9530), or that its ETag is, as on Cairn's own files; of a coded answer it is that
 * of the coding, which nobody sees.
 */
export function digestOf(headers: Headers): string | undefined {
  if (headers.has("content-encoding")) return undefined;
  const [, encoded] = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(headers.get("repr-digest") ?? "") ?? [];
  if (encoded !== undefined) {
    return Array.from(atob(encoded), (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  }
  return /^"([0-9a-f]{64})"$/.exec(headers.get("etag") ?? "")?.[1];
}

function describe(url: string, { headers }: Response): RemoteFile {
  const length = headers.get("content-length");
  // A coded answer's length would be that of the coding.
  const encoded = headers.has("content-encoding");
  const ranged = headers.get("accept-ranges") === "bytes" && !encoded;
  return {
    url,
    name: nameOf(url, headers.get("content-disposition") ?? ""),
    mediaType: headers.get("content-type") ?? "application/octet-stream",
    size: length === null || encoded ? undefined : Number(length),
    validator: ranged ? validatorOf(headers) : undefined,
    sha256: digestOf(headers),
  };
}

function nameOf(url: string, disposition: string): string {
  const [, encoded] = /filename\*=utf-8''([^;\s]+)/i.exec(disposition) ?? [];
  const [, quoted, plain] = /filename=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(disposition) ?? [];
  return (
    decoded(encoded) ??
    quoted?.replace(/\\(.)/g, "$1") ??
    plain ??
    decoded(new URL(url).pathname.split("/").at(-1)) ??
    ""
  );
}

/** Undefined for what is not percent-encoded UTF-8. */
export function decoded(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
