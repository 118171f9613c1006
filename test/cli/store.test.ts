// `cairn store` and its companions as a user runs them: exit codes, words, and nothing left behind.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { deleteItem, keysOn, setItem } from "../support/memcached-keys.ts";
import { MemcachedServer } from "../support/memcached-server.ts";
import { CAIRN, run } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

let folder: TemporaryFolder;
let server: MemcachedServer;
const bytes = randomBytes(1_234_567);

beforeAll(async () => {
  folder = await temporaryFolder();
  server = await MemcachedServer.start();
  await writeFile(folder.at("in"), bytes);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const cairn = (...args: string[]) => run([CAIRN, ...args], { env: { CAIRN_SERVERS: server.address } });

describe("a file", () => {
  test("goes in, is listed, verified, comes out and is removed", async () => {
    const stored = await cairn("store", "report", folder.at("in"));
    expect(stored).toMatchObject({ code: 0, output: "" });
    expect((await cairn("list")).stdout).toMatch(/^ {5}1234567 {2}\S+Z {2}[0-9a-f]{16} {2}report\n$/);
    expect((await cairn("verify", "report")).output).toMatch(
      /^report is whole: 1\.2 MB, sha256 [0-9a-f]{64}\n$/,
    );
    await writeFile(folder.at("out"), "old");
    const retrieved = await cairn("retrieve", "report", folder.at("out"), "--json");
    expect(JSON.parse(retrieved.stdout)).toMatchObject({
      name: "report",
      size: bytes.length,
      path: folder.at("out"),
    });
    expect((await readFile(folder.at("out"))).equals(bytes)).toBe(true);
    expect(await cairn("remove", "report", "--quiet")).toMatchObject({ code: 0, output: "" });
    expect(await keysOn(server.address)).toEqual([]);
  });

  test("goes in by standard input and out by standard output", async () => {
    const command = `cat "$FILE" | "$CAIRN" store piped - && "$CAIRN" retrieve piped - | cmp - "$FILE"`;
    const env = { CAIRN, FILE: folder.at("in"), CAIRN_SERVERS: server.address };
    expect(await run(["sh", "-c", command], { env })).toMatchObject({ code: 0 });
    const cut = `"$CAIRN" retrieve piped - | head -c 10 | wc -c`;
    expect(await run(["sh", "-c", cut], { env })).toMatchObject({ code: 0, stdout: "10\n" });
    await cairn("remove", "piped");
  });
});

describe("exit codes", () => {
  test("not found 3, already exists 4, evicted 5, corrupt 6, too large 7, unreachable 8, usage 2", async () => {
    const stored = JSON.parse((await cairn("store", "f", folder.at("in"), "--json")).stdout);
    const codes: Record<string, number | null> = {};
    const note = async (what: string, ...args: string[]) => {
      const { code, output } = await cairn(...args);
      codes[what] = code;
      return output;
    };
    await note("not found", "retrieve", "nothing", folder.at("none"));
    expect(await note("exists", "store", "f", folder.at("in"))).toContain('"f" already exists');
    await note("too large", "store", "g", folder.at("in"), "--max-size", "1mb");
    await note("unreachable", "store", "g", folder.at("in"), "--servers", "127.0.0.1:1");
    await note("usage", "store", "f");
    await note("unreadable", "store", "g", folder.at("absent"));
    await setItem(server.address, `cairn:chunk:${stored.version}:1`, "damage");
    await note("corrupt", "retrieve", "f", folder.at("none"));
    await deleteItem(server.address, `cairn:chunk:${stored.version}:2`);
    expect(await note("evicted", "retrieve", "f", folder.at("none"))).toContain(
      '"f": 1 of 3 chunks were evicted (2)',
    );
    expect(codes).toEqual({
      "not found": 3,
      exists: 4,
      "too large": 7,
      unreachable: 8,
      usage: 2,
      unreadable: 1,
      corrupt: 6,
      evicted: 5,
    });
    expect(await readdir(folder.path)).not.toContain("none");
    expect((await readdir(folder.path)).filter((name) => name.endsWith(".part"))).toEqual([]);
    const again = await cairn("store", "f", folder.at("in"), "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ name: "f", replaced: "incomplete" });
    await cairn("remove", "f");
    expect(await keysOn(server.address)).toEqual([]);
  }, 20_000);

  test("an interrupt removes what was sent and exits with 130", async () => {
    const env = { ...process.env, CAIRN_SERVERS: server.address };
    const child = spawn(CAIRN, ["store", "slow", "-"], { env, stdio: ["pipe", "ignore", "ignore"] });
    const exited = new Promise((resolve) => child.once("close", resolve));
    // The input stays open: only the signal can end it.
    child.stdin.write(bytes);
    await until("two chunks are on the server", async () => (await keysOn(server.address)).length >= 2);
    child.kill("SIGINT");
    expect(await exited).toBe(130);
    expect(await keysOn(server.address)).toEqual([]);
  }, 20_000);
});
