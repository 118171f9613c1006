// The programs of examples/ do what they say, on Node and on Bun.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { buildClient } from "../../scripts/build-client.ts";
import { Cairn } from "../support/cairn.ts";
import { keysOn } from "../support/memcached-keys.ts";
import { MemcachedServer } from "../support/memcached-server.ts";
import { BUN, ROOT, run } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";

const SIZE = 3_000_000;
let folder: TemporaryFolder;
let file: string;

/** As a program finds the package after it was installed: in node_modules beside it. */
beforeAll(async () => {
  folder = await temporaryFolder();
  file = folder.at("file");
  await writeFile(file, randomBytes(SIZE));
  await mkdir(folder.at("node_modules"));
  await buildClient(folder.at("package/dist"));
  await copyFile(`${ROOT}package.json`, folder.at("package/package.json"));
  await symlink(folder.at("package"), folder.at("node_modules/cairn-store"));
  for (const name of ["large-files", "pool", "transfers"]) {
    await copyFile(`${ROOT}examples/${name}.mjs`, folder.at(`${name}.mjs`));
  }
});
afterAll(() => folder[Symbol.asyncDispose]());

describe.each([
  ["node", "node"],
  ["bun", BUN],
])("under %s", (_, program) => {
  const example = (name: string, ...args: string[]) =>
    run([program, folder.at(`${name}.mjs`), file, ...args]);

  test("large-files.mjs stores, reads and removes its file, and leaves one that was there", async () => {
    await using server = await MemcachedServer.start();
    const first = await example("large-files", server.address);
    expect(first).toMatchObject({ code: 0, output: expect.stringMatching(STORED_AND_READ) });
    expect(await keysOn(server.address)).toEqual([]);
    await using other = await MemcachedServer.start();
    expect(await example("pool", other.address)).toMatchObject({ code: 0 });
    const second = await example("large-files", other.address);
    expect(second).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^"file" already exists\nread 3000000 /),
    });
    expect(await keysOn(other.address)).not.toEqual([]);
  });

  test("pool.mjs stores with parity over three servers, and again", async () => {
    await using a = await MemcachedServer.start();
    await using b = await MemcachedServer.start();
    await using c = await MemcachedServer.start();
    for (let round = 0; round < 2; round++) {
      const { code, output } = await example("pool", a.address, b.address, c.address);
      expect({ code, output }).toMatchObject({ code: 0, output: expect.stringMatching(VERIFIED) });
    }
  });

  test("transfers.mjs uploads and downloads", async () => {
    await using cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--workers", "0"] });
    const { code, output } = await example("transfers", cairn.http);
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringContaining("3000000 bytes came back"),
    });
    expect(await readFile(`${file}.copy`)).toEqual(await readFile(file));
  });
});

const STORED_AND_READ = /^stored 3000000 bytes in 6 chunks\nread 3000000 bytes, sha256 [0-9a-f]{64}\n$/;
const VERIFIED =
  /^stored 6 chunks in groups of 2, .*\nverified sha256 [0-9a-f]{64}; 0 chunks had to be rebuilt\n$/;
