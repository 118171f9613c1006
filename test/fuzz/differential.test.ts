// A short run of the fuzzer that compares Cairn with memcached; `npm run fuzz:memcached` is the long one.

import { expect, test } from "bun:test";
import { withBothServers } from "./differential.ts";
import { program } from "./memcached-programs.ts";
import { Random } from "./random.ts";

test("1,500 random programs are answered to the byte as memcached answers them, but for what docs/memcached.md lists", async () => {
  const result = await withBothServers((compare) => compare({ programs: 1_500, seed: 1 }));
  expect(result.disagreements).toEqual([]);
  expect(result.commands).toBeGreaterThan(30_000);
}, 60_000);

test("the same seed makes the same programs", () => {
  expect(program(new Random(5), "5.")).toEqual(program(new Random(5), "5."));
});
