// Coverage against a plain array of booleans.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { add, covers, missing, overlaps, received, segments } from "../../../src/domain/uploads/coverage.ts";
import type { Coverage } from "../../../src/ports/records.ts";

const SIZE = 60;
const range = fc
  .tuple(fc.integer({ min: 0, max: SIZE }), fc.integer({ min: 0, max: SIZE }))
  .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }));
const ranges = fc.array(range, { maxLength: 20 });

function bitsOf(listed: readonly { start: number; end: number }[]): boolean[] {
  return Array.from({ length: SIZE }, (_, at) => listed.some(({ start, end }) => start <= at && at < end));
}

test("any sequence of additions is the set of its bytes, in canonical form", () => {
  fc.assert(
    fc.property(ranges, range, (added, asked) => {
      const coverage = added.reduce<Coverage>(add, []);
      const bits = bitsOf(added);
      expect(bitsOf(coverage.map(([start, end]) => ({ start, end })))).toEqual(bits);
      for (const [i, [start, end]] of coverage.entries()) {
        expect(start).toBeLessThan(end);
        expect(start).toBeGreaterThan(coverage[i - 1]?.[1] ?? -1);
      }
      expect(received(coverage)).toBe(bits.filter(Boolean).length);
      const inside = bits.slice(asked.start, asked.end);
      expect(covers(coverage, asked)).toBe(inside.every(Boolean));
      expect(overlaps(coverage, asked)).toBe(inside.some(Boolean));
      const lacking = bits.map((bit, at) => !bit && asked.start <= at && at < asked.end);
      expect(bitsOf(missing(coverage, asked))).toEqual(lacking);
      let position = asked.start;
      for (const segment of segments(coverage, asked)) {
        expect(segment.start).toBe(position);
        expect(bits.slice(segment.start, segment.end).every((bit) => bit === segment.covered)).toBe(true);
        position = segment.end;
      }
      expect(position).toBe(asked.end);
    }),
    { numRuns: 500 },
  );
});
