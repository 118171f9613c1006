// The tools that start programs report what happened: lines, exit codes, signals, silence.

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { freePort, listens } from "./ports.ts";
import { Program, run } from "./processes.ts";
import { temporaryFolder } from "./temporary.ts";
import { until } from "./until.ts";

test("a program's line is awaited whole, and its end is told", async () => {
  await using program = await Program.start([
    "sh",
    "-c",
    "printf 'port 12'; echo 34; exec tail -f /dev/null",
  ]);
  expect((await program.untilLine(/port (\d+)/))[1]).toBe("1234");
  expect(await program.end()).toEqual({ code: null, signal: "SIGTERM" });
});

test("waiting for a line that never comes fails with what was printed", async () => {
  await using program = await Program.start(["sh", "-c", "echo oops >&2; exit 3"]);
  const error = await program.untilLine(/ready/).catch((caught: Error) => caught);
  expect(String(error)).toMatch(/ended before \/ready\/; it printed:\noops/);
  expect(await program.exited).toEqual({ code: 3, signal: null });
});

test("a program that ignores SIGTERM is killed after the patience given", async () => {
  await using program = await Program.start(["sh", "-c", "trap '' TERM; echo up; exec tail -f /dev/null"]);
  await program.untilLine(/up/);
  expect(await program.end("SIGTERM", 50)).toEqual({ code: null, signal: "SIGKILL" });
});

test("a program that does not exist rejects", async () => {
  expect(await Program.start(["/no/such/program"]).catch((error) => error.code)).toBe("ENOENT");
});

test("run gives the exit code and both outputs", async () => {
  const result = await run(["sh", "-c", "echo out; echo err >&2; exit 2"]);
  expect(result).toMatchObject({ code: 2, stdout: "out\n" });
  expect(result.output).toContain("err\n");
});

test("a free port is free", async () => {
  expect(await listens(await freePort())).toBe(false);
});

test("a temporary folder is gone at the end", async () => {
  let path = "";
  {
    await using folder = await temporaryFolder();
    path = folder.path;
    await Bun.write(folder.at("deep", "file"), "x");
    expect(existsSync(folder.at("deep", "file"))).toBe(true);
  }
  expect(existsSync(path)).toBe(false);
});

test("until gives the answer, or says what it waited for", async () => {
  let asked = 0;
  expect(await until("the third time", () => ++asked === 3 && "here")).toBe("here");
  const error = await until("godot", () => undefined, 20).catch((caught: Error) => caught);
  expect(String(error)).toContain("waited 20 ms in vain: godot");
});
