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
  const bytes = await bodyOf(response, where, signal);
  const whole = Number(/\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1] ?? bytes.length);
  // A service that knows no ranges answers with everything.
  const part = response.status === 200 ? bytes.subarray(start, end) : bytes;
  const expected = Math.min(end, whole) - start;
  if (part.length === expected) return { bytes: part, size: whole, etag: found };
  throw new Fault("unreachable", `${where}: ${part.length} of ${expected} bytes came from ${start} on`);
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
  if (/AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|MissingCredentials/.test(code)) {
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
    response = await fetch(url, { ...init, signal: limited(signal) });
  } catch (cause) {
    throw unanswered(where, signal, cause);
  }
  const { status } = response;
  if (response.ok || status === 416) return response;
  await response.body?.cancel();
  if (status === 404) throw new Fault("not-found", `there is no ${where}`);
  if (status === 412) throw changed(where);
  if (status === 401 || status === 403) throw refused(where, `status ${status}`, undefined);
  const passes = status >= 500 || status === 429 || status === 408;
  throw new Fault(passes ? "unreachable" : "internal", `${where}: the service answered ${status}`);
}

async function bodyOf(
  response: Response,
  where: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw unanswered(where, signal, cause);
  }
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
    hint: "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do.",
    cause,
  });
}
