// Sets of ranges against a plain array of flags.

import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  bytesIn,
  frontier,
  missingPieces,
  readSpans,
  type Spans,
  withSpan,
} from "../../../src/client/http/spans.ts";

const SIZE = 60;
const added = fc
  .array(fc.tuple(fc.nat(SIZE), fc.nat(SIZE)), { maxLength: 12 })
  .map((pairs) => pairs.map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) })));

test("hold what was added, and miss the rest in pieces", () => {
  fc.assert(
    fc.property(added, fc.integer({ min: 1, max: 20 }), (list, most) => {
      const flags = new Array<boolean>(SIZE).fill(false);
      let spans: Spans = [];
      for (const span of list) {
        flags.fill(true, span.start, span.end);
        spans = withSpan(spans, span);
      }
      expect(bytesIn(spans)).toBe(flags.filter(Boolean).length);
      const gap = flags.indexOf(false);
      expect(frontier(spans)).toBe(gap < 0 ? SIZE : gap);
      for (const [i, span] of spans.entries()) expect(span.start).toBeGreaterThan(spans[i - 1]?.end ?? -1);
      const missing = missingPieces(spans, SIZE, most);
      for (const { start, end } of missing) {
        expect(end - start).toBeLessThanOrEqual(most);
        expect(end).toBeGreaterThan(start);
        expect(flags.slice(start, end).some(Boolean)).toBe(false);
        flags.fill(true, start, end);
      }
      expect(flags.every(Boolean)).toBe(true);
      expect(
        readSpans(
          spans.map(({ start, end }) => [start, end]),
          SIZE,
        ),
      ).toEqual([...spans]);
    }),
  );
});

test("what is no set of ranges within the size is refused", () => {
  for (const value of [null, {}, [[0]], [[0, 11]], [[-1, 2]], [[5, 2]], [["0", 2]], [[0.5, 2]], [7]]) {
    expect(readSpans(value, 10)).toBeUndefined();
  }
  expect(readSpans([], 10)).toEqual([]);
});
