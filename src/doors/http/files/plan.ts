// What a download answers: decided from the request's headers and the file's facts alone (RFC 9110 §13, §14).

import { parseRange, type Span } from "../../../wire/byte-ranges.ts";

export interface Representation {
  readonly size: number;
  /** 64 lower-case hexadecimal digits; the strong ETag. */
  readonly sha256: string;
  readonly mediaType: string;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
}

export type DownloadPlan =
  | { readonly send: "nothing"; readonly reason: "not-modified" | "precondition" | "range" }
  | { readonly send: "all" }
  | { readonly send: "one"; readonly span: Span }
  | { readonly send: "several"; readonly spans: readonly Span[] };

/** More ranges than this in one request are answered with the whole file (RFC 9110 §14.2 allows it). */
const MAX_SPANS = 100;

/** Decides what to send. Conditions come first, ranges after, as RFC 9110 §13.2.2 orders them. */
export function planDownload(method: string, headers: Headers, file: Representation): DownloadPlan {
  const condition = checkConditions(headers, file);
  if (condition) return { send: "nothing", reason: condition };
  const header = headers.get("range");
  if (header === null || method !== "GET" || !isSameFile(headers.get("if-range"), file))
    return { send: "all" };
  const spans = parseRange(header, file.size);
  if (!spans) return { send: "all" };
  const [span] = spans;
  if (!span) return { send: "nothing", reason: "range" };
  if (spans.length === 1) return { send: "one", span };
  const total = spans.reduce((sum, { start, end }) => sum + end - start, 0);
  // Many or overlapping ranges are a way to make a server work; the whole file is never more.
  if (spans.length > MAX_SPANS || total > file.size) return { send: "all" };
  return { send: "several", spans };
}

/** The strong ETag. */
export function etagOf({ sha256 }: Representation): string {
  return `"${sha256}"`;
}

function checkConditions(
  headers: Headers,
  file: Representation,
): "not-modified" | "precondition" | undefined {
  const seconds = Math.floor(file.modifiedAt / 1000);
  const match = headers.get("if-match");
  const unmodified = secondsOf(headers.get("if-unmodified-since"));
  if (match !== null) {
    if (!lists(match, file, "strong")) return "precondition";
  } else if (unmodified !== undefined && seconds > unmodified) return "precondition";
  const none = headers.get("if-none-match");
  if (none !== null) return lists(none, file, "weak") ? "not-modified" : undefined;
  const modified = secondsOf(headers.get("if-modified-since"));
  return modified !== undefined && seconds <= modified ? "not-modified" : undefined;
}

/** If-Range: only an equal strong tag, or the very date, makes parts of an old and a new file fit together. */
function isSameFile(condition: string | null, file: Representation): boolean {
  if (condition === null) return true;
  if (condition.startsWith('"')) return condition.trim() === etagOf(file);
  return secondsOf(condition) === Math.floor(file.modifiedAt / 1000);
}

function lists(header: string, file: Representation, comparison: "strong" | "weak"): boolean {
  if (header.trim() === "*") return true;
  const tags = header.match(/(W\/)?"[^"]*"/g) ?? [];
  return tags.some((tag) => (comparison === "weak" ? tag.replace(/^W\//, "") : tag) === etagOf(file));
}

function secondsOf(date: string | null): number | undefined {
  const ms = date === null ? Number.NaN : Date.parse(date);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}
