// What was read from SQLite comes into a ring with room at once, and into a full one when it is read again soon.

import { expect, test } from "bun:test";
import { Doorkeeper } from "../../../../src/adapters/sqlite/kv/doorkeeper.ts";

const RING = 1_048_576;

test("everybody may come as long as nobody has to leave", () => {
  const doorkeeper = new Doorkeeper(RING);
  for (let i = 0; i < 100; i++) expect(doorkeeper.admits(`key-${i}`, RING - 1)).toBe(true);
});

test("whoever comes again soon may come into a full ring, and whoever comes late may not", () => {
  const doorkeeper = new Doorkeeper(RING);
  expect(doorkeeper.admits("wanted", RING)).toBe(false);
  expect(doorkeeper.admits("wanted", RING)).toBe(true);
  // It left, and is wanted again.
  expect(doorkeeper.admits("wanted", RING)).toBe(true);
  let admitted = 0;
  for (let i = 0; i < 100_000; i++) if (doorkeeper.admits(`once-${i}`, RING)) admitted++;
  expect(admitted).toBe(0);
  expect(doorkeeper.admits("wanted", RING)).toBe(false);
});
