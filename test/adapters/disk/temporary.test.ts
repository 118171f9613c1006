// Files that are not whole go with the process that wrote them, and stay while it may be writing.

import { expect, test } from "bun:test";
import { readdir, utimes } from "node:fs/promises";
import { sweepTemporary, temporaryName } from "../../../src/adapters/disk/temporary.ts";
import { temporaryFolder } from "../../support/temporary.ts";

test("those of the dead and of earlier runs go, of other containers only those that nobody has written to for a day", async () => {
  await using folder = await temporaryFolder();
  const own = temporaryName();
  const [pid = "", run = ""] = own.split("-");
  const before = `${pid}-${run.startsWith("0") ? "1" : "0"}${run.slice(1)}-x`;
  const dead = `4194999-${run}-x`;
  const elsewhere = `4194999-11111111n1-x`;
  const abandoned = `4194999-22222222n1-x`;
  const older = "4194999-33333333-x";
  for (const name of [own, before, dead, elsewhere, abandoned, older]) await Bun.write(folder.at(name), "x");
  const long = new Date(Date.now() - 2 * 86_400_000);
  await utimes(folder.at(abandoned), long, long);
  await utimes(folder.at(own), long, long);
  await sweepTemporary(folder.path);
  expect((await readdir(folder.path)).sort()).toEqual([elsewhere, own].sort());
});
