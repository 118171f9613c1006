// What is brought to the disk while it is written: failures are told, whenever they came.

import { expect, test } from "bun:test";
import { open } from "node:fs/promises";
import { SyncBehind } from "../../src/cli/sync-behind.ts";
import { failureOf } from "../support/failure.ts";
import { temporaryFolder } from "../support/temporary.ts";

const MUCH = 9 * 1024 * 1024;

test("a file is settled after any number of writes", async () => {
  await using folder = await temporaryFolder();
  await using file = await open(folder.at("f"), "wx");
  const behind = new SyncBehind(file);
  await behind.settle();
  for (let i = 0; i < 4; i += 1) {
    await file.write(new Uint8Array(MUCH));
    behind.written(MUCH);
  }
  await behind.settle();
  expect((await file.stat()).size).toBe(4 * MUCH);
});

test("a sync that failed is told at the end, even if others were asked for after it", async () => {
  await using folder = await temporaryFolder();
  const file = await open(folder.at("f"), "wx");
  const behind = new SyncBehind(file);
  await file.close();
  behind.written(MUCH);
  behind.written(MUCH);
  expect(await failureOf(behind.settle())).toMatchObject({ code: "EBADF" });
  expect(await failureOf(behind.settle())).toMatchObject({ code: "EBADF" });
});
