// Request bodies, parsed once, within a limit.

import type { z } from "zod";
import { Fault } from "../../wire/faults.ts";
import { parseByteCount } from "../../wire/tus.ts";

const JSON_TYPE = "application/json";
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** What a body must be, where millions of small ones come. */
export interface BodyShape<T> {
  /** Decides in the end, and knows what is wrong with a body. */
  readonly schema: z.ZodType<T>;
  /** True only for what the schema takes as it is, beside members that it leaves out; asked first, since it takes a tenth of the time. */
  readonly isPlain: (value: unknown) => value is T;
}

/**
 * The JSON body of a request as `shape` describes it. At most `limit` bytes are read.
 *
 * Faults: `unsupported-media` unless the Content-Type is `application/json` (parameters allowed), `too-large`,
 * `invalid` with every problem and its path in the message.
 */
export async function readJson<T>(
  request: Request,
  shape: z.ZodType<T> | BodyShape<T>,
  limit = 1_048_576,
): Promise<T> {
  const type = request.headers.get("content-type") ?? "";
  if (type !== JSON_TYPE && type.split(";", 1)[0]?.trim().toLowerCase() !== JSON_TYPE) {
    throw new Fault("unsupported-media", `the body must be application/json, not ${JSON.stringify(type)}`, {
      hint: "Send the header Content-Type: application/json.",
    });
  }
  const value = parseJson(decode(await readBytes(request, limit)));
  if (!("isPlain" in shape)) return parseWith(shape, value, "the body");
  return shape.isPlain(value) ? value : parseWith(shape.schema, value, "the body");
}

/** `value` as `schema` describes it, or a Fault `invalid` that names each problem. */
export function parseWith<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = parsed(schema, value, what);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const where = issue.path.join(".");
    return where === "" ? issue.message : `${where}: ${issue.message}`;
  });
  throw new Fault("invalid", `${what} is malformed: ${problems.join("; ")}`, { details: { problems } });
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, what: string): z.ZodSafeParseResult<T> {
  try {
    return schema.safeParse(value);
  } catch (cause) {
    // JSON of thousands of arrays within each other: checking it takes more stack than there is.
    if (!(cause instanceof RangeError)) throw cause;
    throw new Fault("invalid", `${what} is malformed: it is nested too deeply`, { cause });
  }
}

/** The content coding of the body, in lower case; undefined for one that is sent as it is. */
export function codingOf({ headers }: Request): string | undefined {
  const coding = headers.get("content-encoding")?.trim().toLowerCase() ?? "";
  return coding === "" || coding === "identity" ? undefined : coding;
}

/**
 * Fault `unsupported-media` for a body with a content coding: kept as it came it would be served as what it is not, and no
 * offset would be one in the file.
 */
export function refuseCoded(request: Request): void {
  const coding = codingOf(request);
  if (coding === undefined) return;
  throw new Fault(
    "unsupported-media",
    `the body has the content coding ${JSON.stringify(coding.slice(0, 80))}`,
    {
      hint: "Send the bytes as they are, without Content-Encoding.",
    },
  );
}

/** The body as UTF-8 text of at most `limit` bytes; a longer one is refused without being read to the end. */
export async function readText(request: Request, limit: number): Promise<string> {
  return decode(await readBytes(request, limit));
}

/**
 * The bytes that Content-Length declares; undefined without one. Fault `invalid`.
 *
 * An equal one that was sent twice comes as a list, and is one (RFC 9110 §8.6); the server refuses those that differ.
 */
export function declaredLength({ headers }: Request): number | undefined {
  const header = headers.get("content-length");
  if (header === null) return undefined;
  if (/^\d{1,15}$/.test(header)) return Number(header);
  const lengths = new Set(header.split(",").map((length) => parseByteCount("Content-Length", length)));
  const [length] = lengths;
  if (lengths.size === 1) return length;
  throw new Fault("invalid", `Content-Length declares several lengths: ${header.slice(0, 80)}`);
}

/** The body of at most `limit` bytes; Fault `too-large` before or while it is read. */
export async function readBytes(request: Request, limit: number): Promise<Uint8Array> {
  const declared = declaredLength(request);
  if (declared !== undefined) {
    if (declared > limit) throw tooLarge(limit);
    // It bounds the body, so the fast path cannot exceed the limit.
    return request.bytes();
  }
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of request.body ?? []) {
    size += piece.length;
    if (size > limit) throw tooLarge(limit);
    pieces.push(piece);
  }
  return Buffer.concat(pieces, size);
}

function decode(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw new Fault("invalid", "the body is not UTF-8 text", { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Fault("invalid", `the body is not JSON: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

function tooLarge(limit: number): Fault {
  return new Fault("too-large", `the body is larger than the limit of ${limit} bytes`);
}
