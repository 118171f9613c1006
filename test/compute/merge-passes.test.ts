// The plan of a merge with more inputs than may be open at one time.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { planPasses } from "../../src/compute/merge-passes.ts";

test("up to the fan-in nothing is planned", () => {
  expect(planPasses(0, 500)).toEqual([]);
  expect(planPasses(500, 500)).toEqual([]);
});

test("only as many inputs as needed are copied", () => {
  expect(planPasses(600, 500)).toEqual([[{ start: 0, end: 101 }]]);
  expect(planPasses(501, 500)).toEqual([[{ start: 0, end: 2 }]]);
  const [pass, ...more] = planPasses(5_000, 500);
  expect(more).toEqual([]);
  expect(pass?.map(({ start, end }) => end - start)).toEqual([...Array(9).fill(500), 10]);
});

test("groups are disjoint neighbours within the fan-in, and at most the fan-in is left", () => {
  fc.assert(
    fc.property(fc.nat(3_000), fc.integer({ min: 2, max: 60 }), (inputs, fanIn) => {
      let left = inputs;
      for (const groups of planPasses(inputs, fanIn)) {
        let from = 0;
        for (const { start, end } of groups) {
          expect(start).toBeGreaterThanOrEqual(from);
          expect(end - start).toBeWithin(2, fanIn + 1);
          from = end;
        }
        expect(from).toBeLessThanOrEqual(left);
        left -= groups.reduce((sum, { start, end }) => sum + end - start - 1, 0);
      }
      expect(left).toBeLessThanOrEqual(fanIn);
    }),
  );
});
