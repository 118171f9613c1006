// Files that are read without promises: at any position, and only regular ones.

import { expect, test } from "bun:test";
import { symlink } from "node:fs/promises";
import { openSyncFile } from "../../../src/adapters/disk/sync-file.ts";
import { Fault } from "../../../src/wire/faults.ts";
import { temporaryFolder } from "../../support/temporary.ts";

test("reads at any position, and less only at the end", async () => {
  await using folder = await temporaryFolder();
  await Bun.write(folder.at("file"), "0123456789");
  const file = openSyncFile(folder.at("file"));
  const into = new Uint8Array(4);
  expect(file.size).toBe(10);
  expect([file.read(into, 3), String(Buffer.from(into))]).toEqual([4, "3456"]);
  expect(file.read(into, 8)).toBe(2);
  expect(file.read(into, 10)).toBe(0);
  file.close();
  expect(() => file.read(into, 0)).toThrow();
});

test("what is gone, a link or no file is refused", async () => {
  await using folder = await temporaryFolder();
  await Bun.write(folder.at("file"), "x");
  await symlink("file", folder.at("link"));
  expect(() => openSyncFile(folder.at("nope"))).toThrow(expect.objectContaining({ code: "not-found" }));
  expect(() => openSyncFile(folder.path)).toThrow(expect.objectContaining({ code: "not-found" }));
  expect(() => openSyncFile(folder.at("link"))).toThrow(Fault);
});
