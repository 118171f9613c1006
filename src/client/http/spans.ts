// Which bytes of a file are there: sets of ranges, and the pieces that are still missing. Pure.

import type { Span } from "../../wire/byte-ranges.ts";

/** In order, apart from each other, none empty. */
export type Spans = readonly Span[];

export function withSpan(spans: Spans, added: Span): Spans {
  if (added.start >= added.end) return spans;
  const before = spans.filter(({ end }) => end < added.start);
  const after = spans.filter(({ start }) => start > added.end);
  const touching = spans.slice(before.length, spans.length - after.length);
  const start = Math.min(added.start, touching[0]?.start ?? added.start);
  const end = Math.max(added.end, touching.at(-1)?.end ?? added.end);
  return [...before, { start, end }, ...after];
}

/** What is missing of `[0, size)`, in pieces of at most `most` bytes. */
export function missingPieces(spans: Spans, size: number, most: number): Span[] {
  const pieces: Span[] = [];
  let at = 0;
  for (const { start, end } of [...spans, { start: size, end: size }]) {
    for (; at < start; at = Math.min(at + most, start))
      pieces.push({ start: at, end: Math.min(at + most, start) });
    at = Math.max(at, end);
  }
  return pieces;
}

/** How many bytes are there from the beginning without a gap. */
export function frontier(spans: Spans): number {
  const [first] = spans;
  return first?.start === 0 ? first.end : 0;
}

export function bytesIn(spans: Spans): number {
  return spans.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** Ranges that came from outside, as a set; undefined unless each is a range within `size`. */
export function readSpans(value: unknown, size: number): Spans | undefined {
  if (!Array.isArray(value)) return undefined;
  let spans: Spans = [];
  for (const pair of value) {
    if (!Array.isArray(pair)) return undefined;
    const [start, end] = pair as unknown[];
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) return undefined;
    const span = { start: start as number, end: end as number };
    if (span.start < 0 || span.start > span.end || span.end > size) return undefined;
    spans = withSpan(spans, span);
  }
  return spans;
}
