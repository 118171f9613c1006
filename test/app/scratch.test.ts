// Scratch folders do not pile up, whoever dies, and the living keep theirs.

import { expect, test } from "bun:test";
import { mkdir, readdir, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { processName } from "../../src/app/process-names.ts";
import { openScratch } from "../../src/app/scratch.ts";
import { Program } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";

const NOBODY: ReadonlySet<string> = new Set();
const folderOf = (process: string) => process.replaceAll(":", "~");

test("the folders of dead processes of this machine go, all others stay", async () => {
  await using folder = await temporaryFolder();
  const program = await Program.start(["sleep", "100"]);
  const dead = processName(program.pid);
  program.kill();
  await program.exited;
  const names = {
    dead: folderOf(dead),
    older: `${hostname()}-${program.pid}`,
    olderAlive: `${hostname()}-${process.ppid}`,
    alive: folderOf(processName(process.ppid)),
    foreign: "another-machine-1",
    other: "notes",
  };
  for (const name of Object.values(names)) await mkdir(folder.at("s", name, "deep"), { recursive: true });
  const kept = [names.olderAlive, names.alive, names.foreign, names.other];
  {
    await using scratch = await openScratch(folder.at("s"), NOBODY);
    expect((await readdir(folder.at("s"))).sort()).toEqual([...kept, folderOf(processName())].sort());
    await Bun.write(`${scratch.path}/left`, "x");
  }
  expect((await readdir(folder.at("s"))).sort()).toEqual(kept.sort());
});

test("of processes that are not seen from here those go that have not been heard of, unless they have just begun", async () => {
  await using folder = await temporaryFolder();
  // The same host name and pid as this process, in another container.
  const elsewhere = (start: number) => processName().replace(/\.\d+\.\d+$/, `.1.${start}`);
  const [silent, heardOf, young] = [elsewhere(1), elsewhere(2), elsewhere(3)];
  for (const name of [silent, heardOf, young]) await mkdir(folder.at(folderOf(name)));
  const long = new Date(Date.now() - 3_600_000);
  for (const name of [silent, heardOf]) await utimes(folder.at(folderOf(name)), long, long);
  await using _ = await openScratch(folder.path, new Set([heardOf]));
  expect((await readdir(folder.path)).sort()).toEqual([heardOf, young, processName()].map(folderOf).sort());
});

test.each([`${hostname()}-${process.pid}`, folderOf(processName())])(
  "a folder left by an earlier process of the same pid is emptied: %s",
  async (name) => {
    await using folder = await temporaryFolder();
    await Bun.write(folder.at(name, "left"), "x");
    await using scratch = await openScratch(folder.path, NOBODY);
    expect(await readdir(scratch.path)).toEqual([]);
  },
);
