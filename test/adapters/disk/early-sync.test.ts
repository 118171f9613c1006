// Syncs of a write that goes on: what they made durable is told, and so is what failed, at the end.

import { expect, test } from "bun:test";
import { EarlySync } from "../../../src/adapters/disk/early-sync.ts";
import { failureOf } from "../../support/failure.ts";

const MUCH = 9 * 1_048_576;

test("one runs at a time, and tells how much was written when it began", async () => {
  const begun: (() => void)[] = [];
  const durable: number[] = [];
  const early = new EarlySync(
    () => new Promise((resolve) => begun.push(resolve)),
    (written) => durable.push(written),
  );
  early.written(1);
  expect(begun.length).toBe(0);
  early.written(MUCH);
  early.written(MUCH);
  expect(begun.length).toBe(1);
  begun[0]?.();
  await early.settle();
  expect(durable).toEqual([MUCH + 1]);
  early.written(1);
  expect(begun.length).toBe(2);
  begun[1]?.();
  await early.settle();
  expect(durable).toEqual([MUCH + 1, 2 * MUCH + 2]);
});

test("what failed is told at the end", async () => {
  const early = new EarlySync(() => Promise.reject(new Error("lost")));
  early.written(MUCH);
  expect(await failureOf(early.settle())).toMatchObject({ message: "lost" });
});
