// A short run of the codec's fuzzer; `npm run fuzz` is the long one.

import { expect, test } from "bun:test";
import { fuzzCodec } from "./codec.ts";

test("300,000 hostile inputs: no exception, no standstill, no growth", () => {
  const { commands, replyBytes, mostCommands } = fuzzCodec(300_000, 7);
  // It got through to the commands and their answers, not only to errors.
  expect(commands).toBeGreaterThan(100_000);
  expect(replyBytes).toBeGreaterThan(1_000_000);
  expect(mostCommands).toBeLessThanOrEqual(600);
}, 60_000);

test("the fuzzer repeats itself by its seed", () => {
  expect(fuzzCodec(5_000, 3)).toEqual(fuzzCodec(5_000, 3));
});
