// `cairn aggregate`, here and on a server, as a user runs it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { Cairn } from "../support/cairn.ts";
import { CAIRN, run } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";

let folder: TemporaryFolder;
let server: Cairn;
const CSV = "Song,Date,Number of Plays\nb,1,2\na,1,3\na,1,x\na,1,9007199254740993\n";
const TOTALS = "Song,Date,Total Number of Plays for Date\na,1,9007199254740996\nb,1,2\n";

beforeAll(async () => {
  folder = await temporaryFolder();
  server = await Cairn.start({ database: folder.at("cairn.sqlite") });
  await writeFile(folder.at("plays.csv"), CSV);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const aggregate = (...args: string[]) =>
  run([CAIRN, "aggregate", ...args], { env: { CAIRN_SERVER: server.http, CAIRN_STATE: folder.at("state") } });

describe.each([
  ["on a server", []],
  ["here", ["--local"]],
] as const)("%s", (_, flags) => {
  test("plays are totalled by default, to standard output; bad rows get a word", async () => {
    const { code, stdout, output } = await aggregate(folder.at("plays.csv"), ...flags);
    expect({ code, stdout }).toEqual({ code: 0, stdout: TOTALS });
    expect(output).toContain("1 rows were rejected\n");
  });

  test("a query, a form, and files for the result and the bad rows", async () => {
    const [result, rejects] = [folder.at("result.jsonl"), folder.at("rejects.csv")];
    const { code, stdout } = await aggregate(
      ...[folder.at("plays.csv"), result, "--output", "jsonl", "--rejects", rejects, "--json", ...flags],
      ...["--group-by", "song", "--measures", "n=count(*);sum(Number of Plays)", "--where", "Song = 'a'"],
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ rows: 2, groups: 1, rejected: 1 });
    expect(await readFile(result, "utf8")).toBe(
      '{"song":"a","n":2,"sum(Number of Plays)":9007199254740996}\n',
    );
    expect(await readFile(rejects, "utf8")).toContain('"Number of Plays: ""x"" is not a number","a,1,x"');
  });

  test("what is wrong is said, with exit code 1 or 2, and leaves no result", async () => {
    const result = folder.at("none.csv");
    const wrong = await aggregate(folder.at("plays.csv"), result, "--where", "Song >", ...flags);
    expect(wrong.code).toBeGreaterThan(0);
    expect(wrong.output).toContain("expected a number or a 'text' at its end");
    const strict = await aggregate(folder.at("plays.csv"), result, "--on-bad-row", "fail", ...flags);
    expect(strict.code).toBeGreaterThan(0);
    expect(strict.output).toContain("1 row is bad");
    expect((await readdir(folder.path)).filter((name) => name.includes("none.csv"))).toEqual([]);
  });
});

test("standard input, compressed and in UTF-16, here", async () => {
  const bytes = Buffer.from(`\uFEFF${CSV}`, "utf16le");
  await writeFile(folder.at("in.gz"), Bun.gzipSync(new Uint8Array(bytes)));
  const command = `"${CAIRN}" aggregate - --local < "${folder.at("in.gz")}"`;
  const { code, stdout } = await run(["sh", "-c", command]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: TOTALS });
});

test("a file that is not there, and a server that is not there, have their own exit codes", async () => {
  const missing = await aggregate(folder.at("nope.csv"), "--local");
  expect(missing.output).toContain("nope.csv");
  const gone = await aggregate(folder.at("plays.csv"), "--server", "http://127.0.0.1:1", "--patience", "1s");
  expect(new Set([0, missing.code, gone.code]).size).toBe(3);
});
