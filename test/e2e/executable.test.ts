// The executable of one file, in an empty folder and an empty environment: each door, a job of each kind, a restart.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { Cairn } from "../support/cairn.ts";
import { figure } from "../support/figures.ts";
import { memcachedRequest } from "../support/memcached-request.ts";
import { ROOT, run } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";

setDefaultTimeout(60_000);

let folder: TemporaryFolder;
let command: readonly string[];

beforeAll(async () => {
  folder = await temporaryFolder();
  await mkdir(folder.at("home"));
  const built = await run([process.execPath, `${ROOT}scripts/compile.ts`, folder.at("cairn")]);
  expect([built.code, built.output]).toEqual([0, expect.stringContaining(" MB")]);
  command = ["env", "-i", `HOME=${folder.at("home")}`, folder.at("cairn")];
  await Bun.write(folder.at("plays.csv"), "Song,Date,Number of Plays\nHey,2024-05-01,2\nHey,2024-05-01,40\n");
});
afterAll(() => folder[Symbol.asyncDispose]());

const cli = (...args: string[]) => run([...command, ...args], { cwd: folder.path });

test("serves every door, its worker does both kinds of jobs, and a restart keeps all", async () => {
  await Bun.write(folder.at("logs", "2024-05-01_0.log"), "a 1\nc 3\n");
  await Bun.write(folder.at("logs", "2024-05-02_0.log"), "b 2\n");
  const options = { database: folder.at("cairn.sqlite"), flags: ["--logs", folder.at("logs")], command };
  {
    const started = performance.now();
    await using server = await Cairn.start(options);
    figure("one executable: start to all doors open", `${Math.round(performance.now() - started)} ms`);
    // It became itself anew, with an option for its engine.
    expect(await Bun.file(`/proc/${server.pid}/environ`).text()).toContain("BUN_JSC_forceRAMSize=");
    expect(await memcachedRequest(server.memcached, "set k 0 0 1\r\nx\r\n")).toBe("STORED\r\n");
    // Answered when a thread of its own has folded the journal.
    expect(await memcachedRequest(server.memcached, "stats\r\n")).toContain("STAT curr_items 1\r\n");
    const page = await fetch(`${server.http}/`);
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(await page.text())?.[1] ?? "";
    expect((await fetch(server.http + script)).headers.get("content-type")).toContain("javascript");
    const totals = await cli("aggregate", "plays.csv", "--server", server.http);
    expect(totals.stdout).toBe("Song,Date,Total Number of Plays for Date\nHey,2024-05-01,42\n");
    const merged = await cli("merge", "--from", "2024-05-01", "--to", "2024-05-02", "--server", server.http);
    expect(merged.stdout).toBe("a 1\nb 2\nc 3\n");
    expect((await cli("ascii", "-port", new URL(server.image).port)).stdout).toEndWith("SUCCESS!\n");
    const servers = ["--servers", server.memcached];
    expect((await cli("store", "big", "plays.csv", ...servers)).code).toBe(0);
    expect((await cli("verify", "big", ...servers)).code).toBe(0);
  }
  await using again = await Cairn.start(options);
  expect(await memcachedRequest(again.memcached, "get k\r\n")).toBe("VALUE k 0 1\r\nx\r\nEND\r\n");
});

test("where the cache cannot be written to it unpacks beside, and leaves nothing", async () => {
  const home = folder.at("closed");
  await Bun.write(home, "no folder at all");
  await mkdir(folder.at("tmp"));
  const env = ["env", "-i", `HOME=${home}`, `TMPDIR=${folder.at("tmp")}`, folder.at("cairn")];
  const { stdout } = await run([...env, "aggregate", folder.at("plays.csv"), "--local"]);
  expect(stdout).toContain("Hey,2024-05-01,42");
  expect(await readdir(folder.at("tmp"))).toEqual([]);
});
