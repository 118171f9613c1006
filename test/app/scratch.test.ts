// Scratch folders do not pile up, whoever dies, and the living keep theirs.

import { expect, test } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { hostname } from "node:os";
import { openScratch } from "../../src/app/scratch.ts";
import { Program } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";

test("the folders of dead processes of this machine go, all others stay", async () => {
  await using folder = await temporaryFolder();
  const dead = await Program.start(["true"]);
  await dead.exited;
  const names = {
    dead: `${hostname()}-${dead.pid}`,
    alive: `${hostname()}-${process.ppid}`,
    foreign: "another-machine-1",
    other: "notes",
  };
  for (const name of Object.values(names)) await mkdir(folder.at("s", name, "deep"), { recursive: true });
  {
    await using scratch = await openScratch(folder.at("s"));
    expect((await readdir(folder.at("s"))).sort()).toEqual(
      [names.alive, names.foreign, names.other, `${hostname()}-${process.pid}`].sort(),
    );
    await Bun.write(`${scratch.path}/left`, "x");
  }
  expect((await readdir(folder.at("s"))).length).toBe(3);
});

test("a folder left by an earlier process of the same pid is emptied", async () => {
  await using folder = await temporaryFolder();
  await Bun.write(folder.at(`${hostname()}-${process.pid}`, "left"), "x");
  await using scratch = await openScratch(folder.path);
  expect(await readdir(scratch.path)).toEqual([]);
});
