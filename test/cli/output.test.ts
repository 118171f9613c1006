// What becomes of a command whose output nobody reads, or no disk holds.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { constants } from "node:fs";
import { open, readFile, readlink, writeFile } from "node:fs/promises";
import { MemcachedServer } from "../support/memcached-server.ts";
import { CAIRN, run } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

let folder: TemporaryFolder;
let server: MemcachedServer;
let env: Record<string, string | undefined>;

beforeAll(async () => {
  folder = await temporaryFolder();
  server = await MemcachedServer.start();
  env = { ...process.env, CAIRN_SERVERS: server.address };
  await writeFile(folder.at("in"), randomBytes(3_000_000));
  for (const name of ["a", "b", "c"]) await run([CAIRN, "store", name, folder.at("in")], { env });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function start(args: readonly string[], stdout: "pipe" | number) {
  const child = spawn(CAIRN, args, { env, stdio: ["ignore", stdout, "pipe"] });
  let said = "";
  child.stderr?.on("data", (text) => {
    said += text;
  });
  return { child, ended: once(child, "close").then(([code]) => ({ code, said })) };
}

/** Its standard output is a pipe whose reader has gone. */
function unread(...args: string[]) {
  const started = start(args, "pipe");
  started.child.stdout?.destroy();
  return started;
}

test.each(["--help", "list", "list --json", "verify a"])(
  "a reader that has gone is no failure, and nothing is said: %s",
  async (command) => {
    expect(await unread(...command.split(" ")).ended).toEqual({ code: 0, said: "" });
  },
);

test("a file that goes nowhere is interrupted: 130", async () => {
  const { code, said } = await unread("retrieve", "a", "-").ended;
  expect(code).toBe(130);
  expect(said).toBe("cairn retrieve: standard output was closed: EPIPE: broken pipe, write\n");
});

test.each(["list", "verify a", "verify a --json", "retrieve a -"])(
  "a full disk is 10: %s",
  async (command) => {
    const { code, output } = await run(["sh", "-c", `"$CAIRN" ${command} > /dev/full`], {
      env: { ...env, CAIRN },
    });
    expect({ code, output }).toMatchObject({ code: 10, output: expect.stringContaining("no space left") });
  },
);

test("a pipe that is full and not read keeps nobody from interrupting", async () => {
  const path = folder.at("full.pipe");
  await run(["mkfifo", path]);
  await using reader = await open(path, constants.O_RDWR | constants.O_NONBLOCK);
  await using pipe = await open(path, "w");
  const { child, ended } = start(["retrieve", "a", "-"], pipe.fd);
  // More than a pipe holds was handed over: the rest waits for a reader.
  await until("the pipe is full", async () => (await writtenBy(child.pid)) >= 65_536);
  child.kill("SIGTERM");
  expect(await ended).toEqual({ code: 130, said: "cairn retrieve: interrupted by SIGTERM\n" });
  expect(reader.fd).toBeGreaterThan(0);
});

test.each([["store"], ["retrieve"]])(
  "%s waits for the other end of a named pipe until it is interrupted",
  async (name) => {
    const pipe = folder.at(`${name}.pipe`);
    await run(["mkfifo", pipe]);
    const { child, ended } = unread(name, name === "store" ? "new" : "a", pipe);
    await until("it handles signals", () => handlesInterrupts(child.pid));
    child.kill("SIGINT");
    expect(await ended).toEqual({ code: 130, said: `cairn ${name}: interrupted by SIGINT\n` });
  },
);

async function writtenBy(pid: number | undefined): Promise<number> {
  return Number(/^wchar: (\d+)$/m.exec(await readFile(`/proc/${pid}/io`, "utf8"))?.[1]);
}

/** The launcher, a shell with handlers of its own, has made way for the program, and that has its. */
async function handlesInterrupts(pid: number | undefined): Promise<boolean> {
  if (!(await readlink(`/proc/${pid}/exe`)).includes("bun")) return false;
  const caught = /^SigCgt:\s+([0-9a-f]+)$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
  return (BigInt(`0x${caught}`) & 2n) !== 0n;
}
