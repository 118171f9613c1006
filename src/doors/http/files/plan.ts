// What a download answers: decided from the request's headers and the file's facts alone (RFC 9110 §13, §14).

import { parseRange, type Span } from "../../../wire/byte-ranges.ts";
import { parseHttpDate } from "./http-date.ts";

export interface Representation {
  readonly size: number;
  /** A strong one, with its quotes. */
  readonly etag: string;
  /** Milliseconds since 1970; absent: nobody knows, and conditions on dates are ignored. */
  readonly modifiedAt?: number;
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

function checkConditions(
  headers: Headers,
  file: Representation,
): "not-modified" | "precondition" | undefined {
  const match = headers.get("if-match");
  const unmodified = sinceOf(headers, "if-unmodified-since", file);
  if (match !== null) {
    if (!lists(match, file, "strong")) return "precondition";
  } else if (unmodified === "changed") return "precondition";
  const none = headers.get("if-none-match");
  if (none !== null) return lists(none, file, "weak") ? "not-modified" : undefined;
  return sinceOf(headers, "if-modified-since", file) === "same" ? "not-modified" : undefined;
}

/** If-Range: only an equal strong tag, or the very date, makes parts of an old and a new file fit together. */
function isSameFile(condition: string | null, file: Representation): boolean {
  if (condition === null || condition.trim() === file.etag) return true;
  const date = parseHttpDate(condition);
  return date !== undefined && date === secondsOf(file);
}

function lists(header: string, { etag }: Representation, comparison: "strong" | "weak"): boolean {
  if (header.trim() === "*") return true;
  const tags = header.match(/(W\/)?"[^"]*"/g) ?? [];
  return tags.some((tag) => (comparison === "weak" ? tag.replace(/^W\//, "") : tag) === etag);
}

/** Whether the file has changed since the date in a header; undefined where there is none, or the file has none. */
function sinceOf(headers: Headers, name: string, file: Representation): "changed" | "same" | undefined {
  const [date, seconds] = [parseHttpDate(headers.get(name) ?? ""), secondsOf(file)];
  if (date === undefined || seconds === undefined) return undefined;
  return seconds > date ? "changed" : "same";
}

function secondsOf({ modifiedAt }: Representation): number | undefined {
  return modifiedAt === undefined ? undefined : Math.floor(modifiedAt / 1000);
}
