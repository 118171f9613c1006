// Syncs of a write that goes on: what they made durable is told, and so is what failed, at the end.

import { expect, test } from "bun:test";
import { open } from "node:fs/promises";
import { EarlySync } from "../../src/wire/early-sync.ts";
import { failureOf } from "../support/failure.ts";
import { temporaryFolder } from "../support/temporary.ts";

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

test("a file is settled after any number of writes", async () => {
  await using folder = await temporaryFolder();
  await using file = await open(folder.at("f"), "wx");
  const early = new EarlySync(() => file.datasync());
  await early.settle();
  for (let i = 0; i < 4; i += 1) {
    await file.write(new Uint8Array(MUCH));
    early.written(MUCH);
  }
  await early.settle();
  expect((await file.stat()).size).toBe(4 * MUCH);
});

test("a sync that failed is told at the end, even if others were asked for after it", async () => {
  await using folder = await temporaryFolder();
  const file = await open(folder.at("f"), "wx");
  const early = new EarlySync(() => file.datasync());
  await file.close();
  early.written(MUCH);
  early.written(MUCH);
  expect(await failureOf(early.settle())).toMatchObject({ code: "EBADF" });
  expect(await failureOf(early.settle())).toMatchObject({ code: "EBADF" });
});
