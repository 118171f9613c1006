// Single requests to an S3 service by signed addresses, with their answers and errors as values and Faults.

import { Fault, isFault } from "../../wire/faults.ts";

/** Each call signs anew. */
export interface SignedObject {
  url(): string;
  headUrl(): string;
}

export interface RangeAnswer {
  readonly bytes: Uint8Array;
  /** Of the whole object. */
  readonly size: number;
  readonly etag: string | undefined;
}

/** ms that a service may take for one request. */
const TIMEOUT = 60_000;

/** Bytes `start` to `end`, or fewer at the object's end; with `etag` only of that version. */
export async function readRange(
  object: SignedObject,
  where: string,
  { start, end, etag }: { readonly start: number; readonly end: number; readonly etag: string | undefined },
  signal: AbortSignal | undefined,
): Promise<RangeAnswer> {
  const headers = { range: `bytes=${start}-${end - 1}`, ...(etag !== undefined && { "if-match": etag }) };
  const response = await send(object.url(), { headers }, where, signal);
  const found = response.headers.get("etag") ?? undefined;
  if (response.status === 416) {
    await response.body?.cancel();
    const size = await sizeOf(object, where, signal);
    if (start > 0 || size > 0) throw changed(where);
    return { bytes: new Uint8Array(0), size, etag: found };
  }
  if (etag !== undefined && found !== undefined && found !== etag) {
    await response.body?.cancel();
    throw changed(where);
  }
  // A service that knows no ranges answers with everything.
  const from = response.status === 200 ? start : 0;
  const { bytes, isAll } = await taken(response, { from, most: end - start }, where, signal);
  const size = sizeIn(response) ?? (isAll ? from + bytes.length : await sizeOf(object, where, signal));
  const expected = Math.min(end, size) - start;
  if (bytes.length === expected && (isAll || response.status === 200)) return { bytes, size, etag: found };
  throw new Fault("unreachable", `${where}: ${bytes.length} of ${expected} bytes came from ${start} on`);
}

export async function sizeOf(
  object: SignedObject,
  where: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const response = await send(object.headUrl(), { method: "HEAD" }, where, signal);
  return Number(response.headers.get("content-length") ?? 0);
}

/** What the built-in client throws when it lists. */
export function listingFault(description: string, cause: unknown): Fault {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const said = cause instanceof Error && cause.message !== "" ? cause.message : code;
  if (code === "NoSuchBucket") {
    return new Fault("not-found", `there is no bucket for ${description}`, {
      hint: "Create it, or name another one.",
      cause,
    });
  }
  if (REFUSALS.test(code)) {
    return refused(description, code, cause);
  }
  return new Fault("unreachable", `${description} cannot be listed: ${said}`, { cause });
}

/** One request; answers that are no success are Faults, but for 416. `where` names the object in them. */
export async function send(
  url: string,
  init: RequestInit,
  where: string,
  signal?: AbortSignal | undefined,
): Promise<Response> {
  let response: Response;
  try {
    // An object that was stored with a content coding is what was stored.
    response = await fetch(url, { ...init, signal: limited(signal), decompress: false });
  } catch (cause) {
    throw unanswered(where, signal, cause);
  }
  const { status } = response;
  if (response.ok || status === 416) return response;
  if (status === 401 || status === 403) {
    throw refused(where, (await errorCode(response)) ?? `status ${status}`, undefined);
  }
  await response.body?.cancel();
  if (status === 404) throw new Fault("not-found", `there is no ${where}`);
  if (status === 412) throw changed(where);
  const passes = status >= 500 || status === 429 || status === 408;
  throw new Fault(passes ? "unreachable" : "internal", `${where}: the service answered ${status}`);
}

const REFUSALS =
  /AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|MissingCredentials|RequestTimeTooSkewed|(Expired|Invalid)Token/;
const STALE = "Renew AWS_SESSION_TOKEN and the keys that belong to it.";
const HINTS: Readonly<Record<string, string>> = {
  RequestTimeTooSkewed: "Set this machine's clock: it differs from the service's by more than 15 minutes.",
  ExpiredToken: STALE,
  InvalidToken: STALE,
};

/** What the service calls the error, if it says so at the beginning of its answer. */
async function errorCode(response: Response): Promise<string | undefined> {
  try {
    for await (const piece of response.body ?? []) {
      return /<Code>(\w{1,100})<\/Code>/.exec(new TextDecoder().decode(piece))?.[1];
    }
  } catch {
    // The status alone tells enough.
  }
  return undefined;
}

/** Of the whole object, as far as the answer tells. */
function sizeIn({ status, headers }: Response): number | undefined {
  const range = /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  const size = range ?? (status === 200 ? headers.get("content-length") : null);
  return size === null ? undefined : Number(size);
}

/** At most `most` bytes of the body, `from` a place in it on; `isAll`: there are no more. */
async function taken(
  response: Response,
  { from, most }: { readonly from: number; readonly most: number },
  where: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly bytes: Uint8Array; readonly isAll: boolean }> {
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  try {
    // As nearly always: without a promise for each packet.
    if (from === 0 && length <= most)
      return { bytes: new Uint8Array(await response.arrayBuffer()), isAll: true };
    return await takenInPieces(response, from, most);
  } catch (cause) {
    throw unanswered(where, signal, cause);
  }
}

async function takenInPieces(response: Response, from: number, most: number) {
  const bytes = new Uint8Array(most);
  let [at, filled] = [0, 0];
  for await (const piece of response.body ?? []) {
    const wanted = piece.subarray(Math.max(0, from - at));
    at += piece.length;
    bytes.set(wanted.subarray(0, most - filled), filled);
    filled = Math.min(most, filled + wanted.length);
    // Leaving the loop ends the request.
    if (at > from + most) return { bytes, isAll: false };
  }
  return { bytes: bytes.subarray(0, filled), isAll: true };
}

function limited(signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(TIMEOUT);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}

function unanswered(where: string, signal: AbortSignal | undefined, cause: unknown): unknown {
  if (signal?.aborted) return signal.reason;
  if (isFault(cause)) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Fault("unreachable", `${where}: the service does not answer: ${why}`, { cause });
}

function changed(where: string): Fault {
  return new Fault("replaced", `${where} was changed while it was being read`, { hint: "Start again." });
}

function refused(where: string, why: string, cause: unknown): Fault {
  return new Fault("forbidden", `${where} may not be used: ${why}`, {
    hint: HINTS[why] ?? "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do.",
    cause,
  });
}
