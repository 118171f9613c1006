// `cairn merge` as it is run: in place of `sort -m` on files and pipes, and as a job on a server.

import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { Cairn } from "../support/cairn.ts";
import { CAIRN, Program } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function cairn(folder: TemporaryFolder, args: readonly string[], input = ""): Promise<Run> {
  const child = Bun.spawn([CAIRN, "merge", ...args], {
    cwd: folder.path,
    env: { ...process.env, TMPDIR: folder.at("tmp") },
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, out, err };
}

async function folderWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  for (const [name, bytes] of Object.entries({ "tmp/keep": "", ...files }))
    await Bun.write(folder.at(name), bytes);
  return folder;
}

test("in place of sort: the same bytes for -m, -u, -r, and keys", async () => {
  const a = "a;2\nb;1\nb;1\nd;0\n";
  const b = "a;3\nb;1\nc;9";
  const backwards = ["d;0\nb;1\na;2\n", "c;9\nb;1\na;3\n"];
  await using folder = await folderWith({ a, b, ra: backwards[0] ?? "", rb: backwards[1] ?? "" });
  const pairs = [
    [
      ["a", "b"],
      ["a", "b"],
    ],
    [
      ["-u", "a", "b"],
      ["-u", "a", "b"],
    ],
    [
      ["--reverse", "ra", "rb"],
      ["-r", "ra", "rb"],
    ],
    [
      ["-t", ";", "-k", "1", "a", "b"],
      ["-s", "-t", ";", "-k1,1", "a", "b"],
    ],
    [
      ["-u", "-t", ";", "--key", "1", "a", "b"],
      ["-u", "-t", ";", "-k1,1", "a", "b"],
    ],
  ] as const;
  for (const [ours, theirs] of pairs) {
    const peer = Bun.spawnSync(["sort", "-m", ...theirs], {
      cwd: folder.path,
      env: { ...process.env, LC_ALL: "C" },
    });
    expect(await cairn(folder, ours)).toEqual({ code: 0, out: peer.stdout.toString(), err: "" });
  }
});

test("standard input, compressed files, and an output that appears when it is whole", async () => {
  await using folder = await folderWith({
    "b.log": Bun.gzipSync(Buffer.from("b\n")),
    c: Bun.zstdCompressSync("c\n"),
  });
  expect((await cairn(folder, ["-", "b.log", "c", "--source-prefix"], "a\nd\n")).out).toBe(
    "standard input: a\nb.log: b\nc: c\nstandard input: d\n",
  );
  expect(await cairn(folder, ["-o", "out", "--json", "b.log", "c"])).toMatchObject({
    code: 0,
    out: '{"files":2,"bytes":4,"path":"out"}\n',
  });
  expect(await Bun.file(folder.at("out")).text()).toBe("b\nc\n");
});

test("an unsorted input is named, leaves no output, or is sorted first and leaves no scratch", async () => {
  await using folder = await folderWith({ good: "a\n", bad: "z\nb\n" });
  const failed = await cairn(folder, ["-o", "out", "good", "bad"]);
  expect(failed).toMatchObject({ code: 1, err: expect.stringContaining("bad is not sorted: line 2") });
  expect((await readdir(folder.path)).sort()).toEqual(["bad", "good", "tmp"]);
  expect((await cairn(folder, ["--unsorted", "sort", "good", "bad"])).out).toBe("a\nb\nz\n");
  expect(await readdir(folder.at("tmp"))).toEqual(["keep"]);
});

test("what cannot be is told: no such file, a folder, options that do not go together", async () => {
  await using folder = await folderWith({ a: "a\n" });
  expect(await cairn(folder, ["nope"])).toMatchObject({ code: 3, err: expect.stringContaining("nope") });
  expect(await cairn(folder, ["tmp"])).toMatchObject({
    code: 1,
    err: expect.stringContaining("is a folder"),
  });
  expect((await cairn(folder, ["-t", ";", "a"])).err).toContain("give --key");
  expect((await cairn(folder, ["-k", "x", "a"])).err).toContain('"x" is neither');
  expect((await cairn(folder, ["--from", "2026-01-01", "a"])).err).toContain("one or the other");
});

test("a range of days is merged on a server and fetched", async () => {
  await using folder = await folderWith({
    "logs/2026-01-01_0.log": "a 1\nc 1\n",
    "logs/2026-01-02_0.log": "b 2\n",
    "logs/2026-01-03_0.log": "z\na\n",
  });
  await using server = await Cairn.start({
    database: folder.at("db.sqlite"),
    flags: ["--logs", folder.at("logs")],
  });
  const at = ["--server", server.http];
  const range = [...at, "--from", "2026-01-01", "--to", "2026-01-02"];
  expect(await cairn(folder, [...range, "--source-prefix", "-o", "out"])).toEqual({
    code: 0,
    out: "",
    err: "",
  });
  expect(await Bun.file(folder.at("out")).text()).toBe(
    "2026-01-01_0.log: a 1\n2026-01-02_0.log: b 2\n2026-01-01_0.log: c 1\n",
  );
  expect((await cairn(folder, range)).out).toBe("a 1\nb 2\nc 1\n");
  expect(await cairn(folder, [...at, "--from", "2026-01-03"])).toMatchObject({
    code: 1,
    err: expect.stringContaining("2026-01-03_0.log is not sorted"),
  });
  expect(await cairn(folder, [...at, "--from", "nonsense"])).toMatchObject({ code: 1 });
}, 60_000);

test("an interrupt cancels the job on the server", async () => {
  await using folder = await folderWith({ "logs/2026-01-01_0.log": "a\n" });
  const flags = ["--logs", folder.at("logs"), "--workers", "0"];
  await using server = await Cairn.start({ database: folder.at("db.sqlite"), flags });
  await using program = await Program.start([
    CAIRN,
    "merge",
    "--server",
    server.http,
    "--from",
    "2026-01-01",
  ]);
  const job = () =>
    until("the job is there", async () => {
      const answer = await fetch(`${server.http}/api/jobs`);
      return ((await answer.json()) as { jobs: { state: string }[] }).jobs[0];
    });
  expect((await job()).state).toBe("queued");
  expect((await program.end("SIGINT")).code).toBe(130);
  expect((await job()).state).toBe("cancelled");
}, 30_000);
