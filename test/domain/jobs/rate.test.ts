// How fast a job gets on, as its progress tells.

import { expect, test } from "bun:test";
import { Rate } from "../../../src/domain/jobs/rate.ts";

const at = (done: number, phase = "reading") => ({ done, total: 1_000, unit: "bytes", phase }) as const;

test("units per second between two looks, smoothed", () => {
  const rate = new Rate();
  expect(rate.next(at(0), 0)).toBeUndefined();
  expect(rate.next(at(100), 1_000)).toBe(100);
  expect(rate.next(at(100), 1_000)).toBe(100);
  expect(rate.next(at(300), 2_000)).toBe(130);
});

test("a new phase, and going back, start anew", () => {
  const rate = new Rate();
  rate.next(at(0), 0);
  expect(rate.next(at(500), 1_000)).toBe(500);
  expect(rate.next(at(500, "writing"), 2_000)).toBeUndefined();
  expect(rate.next(at(400, "writing"), 3_000)).toBeUndefined();
  expect(rate.next(at(410, "writing"), 4_000)).toBe(10);
});

test("nothing done yet is no rate", () => {
  const rate = new Rate();
  rate.next(at(0), 0);
  expect(rate.next(at(0), 1_000)).toBeUndefined();
});
