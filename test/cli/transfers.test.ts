// `cairn upload` and `cairn download` as a user runs them: names, pipes, exit codes, and Ctrl-C in the middle.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { addressOf } from "../../src/cli/transfers.ts";
import { type BadNetwork, badNetwork } from "../support/bad-network.ts";
import { sha256 } from "../support/bytes.ts";
import { Cairn } from "../support/cairn.ts";
import { CAIRN, Program, run } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const bytes = randomBytes(40_000_000);
const digest = sha256(bytes);
let folder: TemporaryFolder;
let cairn: Cairn;
let network: BadNetwork;

beforeAll(async () => {
  folder = await temporaryFolder();
  cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--workers", "0"] });
  network = await badNetwork(cairn.http);
  await writeFile(folder.at("größe.bin"), bytes);
  await mkdir(folder.at("here"));
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
  await cairn.stop();
  await folder[Symbol.asyncDispose]();
});

const options = () => ({
  cwd: folder.at("here"),
  env: { CAIRN_SERVER: network.origin, XDG_STATE_HOME: folder.at("state") },
});
const cli = (...args: string[]) => run([CAIRN, ...args], options());

test("up and down again: by id, under its own name, which is not overwritten", async () => {
  const up = await cli("upload", "../größe.bin", "--parallel", "2");
  expect([up.code, up.stdout]).toEqual([0, expect.stringMatching(/^[\w-]+ {2}größe\.bin\n$/)]);
  const [id = ""] = up.stdout.split(" ");
  const down = await cli("download", id);
  expect([down.code, down.output]).toEqual([0, ""]);
  expect(sha256(await readFile(folder.at("here", "größe.bin")))).toBe(digest);
  const again = await cli("download", id);
  expect([again.code, again.output]).toEqual([4, expect.stringContaining("größe.bin already exists")]);
  expect((await cli("download", id, "größe.bin")).code).toBe(0);
  await mkdir(folder.at("here", "sub"));
  const json = await cli("download", `${network.origin}/files/${id}`, "sub", "--json");
  expect(JSON.parse(json.stdout)).toMatchObject({ path: "sub/größe.bin", sha256: digest, verified: true });
});

test("through pipes", async () => {
  const script = `head -c 5000000 ../größe.bin | ${CAIRN} upload - --name tape --json`;
  const up = await run(["bash", "-c", script], options());
  const done = JSON.parse(up.stdout);
  const expected = sha256(bytes.subarray(0, 5_000_000));
  expect([up.code, done.name, done.sha256, done.verified]).toEqual([0, "tape", expected, true]);
  const down = await run(["bash", "-c", `${CAIRN} download ${done.id} - | sha256sum`], options());
  expect(down.stdout).toBe(`${expected}  -\n`);
});

test("failures have exit codes of their own", async () => {
  const nowhere = ["--server", "http://127.0.0.1:1", "--patience", "0s"];
  expect((await cli("download", "nothing")).code).toBe(3);
  expect((await cli("upload", "nothing")).code).toBe(3);
  expect((await cli("download", "a", ...nowhere)).code).toBe(8);
  expect((await cli("upload", "../größe.bin", ...nowhere)).code).toBe(8);
  expect((await cli("download")).code).toBe(2);
  expect((await cli("upload", "../größe.bin", "--server", "ftp://there")).code).toBe(1);
  const { id } = JSON.parse((await cli("upload", "../größe.bin", "--json")).stdout);
  expect((await cli("download", id, "wrong", "--sha256", "0".repeat(64))).code).toBe(6);
  expect(await readdir(folder.at("here"))).not.toContain("wrong");
});

test("Ctrl-C keeps what is needed and says how to go on; the same command does", async () => {
  const { id } = JSON.parse((await cli("upload", "../größe.bin", "--json")).stdout);
  const commands = [
    ["upload", "../größe.bin", "--name", "again", "--fresh"],
    ["download", id, "again"],
  ];
  for (const command of commands) {
    network.freezeAfter(bytes.length / 2);
    const program = await Program.start([CAIRN, ...command], options());
    await until("half of it has passed", () => network.isFrozen);
    expect((await program.end("SIGINT")).code).toBe(130);
    network.cut();
    network.freeze(false);
    expect(program.output).toContain("again goes on from there");
    const args = command.filter((arg) => arg !== "--fresh");
    const done = JSON.parse((await cli(...args, "--json")).stdout);
    expect(done).toMatchObject({ sha256: digest, verified: true });
    expect(done.resumed).toBeGreaterThan(bytes.length / 10);
  }
});

test("a password in the address becomes a header", () => {
  const { url, headers } = addressOf("http://me:p%40ss@host:1/x");
  expect([url.href, headers]).toEqual(["http://host:1/x", { authorization: "Basic bWU6cEBzcw==" }]);
  expect(() => addressOf("nonsense")).toThrow("is not the address of a server");
});
