// Sets of byte ranges: what an upload has received, and what it lacks. Pure.

import type { ByteRange } from "../../ports/blobs.ts";
import type { Coverage } from "../../ports/records.ts";

/** One stretch of a range that is wholly covered, or wholly missing. */
export interface Segment extends ByteRange {
  readonly covered: boolean;
}

/** `coverage` with the bytes of `range` in it. */
export function add(coverage: Coverage, range: ByteRange): Coverage {
  if (range.start >= range.end) return coverage;
  let { start, end } = range;
  const before: (readonly [number, number])[] = [];
  const after: (readonly [number, number])[] = [];
  for (const known of coverage) {
    if (known[1] < start) before.push(known);
    else if (known[0] > end) after.push(known);
    else {
      start = Math.min(start, known[0]);
      end = Math.max(end, known[1]);
    }
  }
  return [...before, [start, end], ...after];
}

/** True when every byte of `range` is covered; an empty range always is. */
export function covers(coverage: Coverage, range: ByteRange): boolean {
  if (range.start >= range.end) return true;
  return coverage.some(([start, end]) => start <= range.start && range.end <= end);
}

/** True when some byte of `range` is covered. */
export function overlaps(coverage: Coverage, range: ByteRange): boolean {
  return coverage.some(([start, end]) => Math.max(start, range.start) < Math.min(end, range.end));
}

/** `range` cut where coverage begins and ends, in order. */
export function segments(coverage: Coverage, range: ByteRange): readonly Segment[] {
  const cut: Segment[] = [];
  let position = range.start;
  for (const known of coverage) {
    const start = Math.max(known[0], range.start);
    const end = Math.min(known[1], range.end);
    if (start >= end) continue;
    if (position < start) cut.push({ start: position, end: start, covered: false });
    cut.push({ start, end, covered: true });
    position = end;
  }
  if (position < range.end) cut.push({ start: position, end: range.end, covered: false });
  return cut;
}

/** The parts of `range` that are not covered. */
export function missing(coverage: Coverage, range: ByteRange): readonly ByteRange[] {
  return segments(coverage, range)
    .filter(({ covered }) => !covered)
    .map(({ start, end }) => ({ start, end }));
}

/** Where the covered bytes from the start end: tus's offset. */
export function prefixEnd(coverage: Coverage): number {
  const [first] = coverage;
  return first?.[0] === 0 ? first[1] : 0;
}

/** Bytes covered in all. */
export function received(coverage: Coverage): number {
  return coverage.reduce((sum, [start, end]) => sum + end - start, 0);
}
