// The command itself: help, version, misuse and exit codes, as a user meets them.

import { expect, test } from "bun:test";
import pack from "../../package.json";
import { COMMANDS } from "../../src/cli/commands.ts";
import { CAIRN, run } from "../support/processes.ts";

test("--version prints the version of the package", async () => {
  expect(await run([CAIRN, "--version"])).toMatchObject({ code: 0, stdout: `${pack.version}\n` });
});

test("--help lists every command with its line", async () => {
  const { code, stdout } = await run([CAIRN, "--help"]);
  expect(code).toBe(0);
  for (const [name, { summary }] of Object.entries(COMMANDS)) {
    expect(stdout).toMatch(new RegExp(`^  ${name} +${summary.replace(/[.*+?()]/g, "\\$&")}$`, "m"));
  }
});

test.each(Object.keys(COMMANDS))("cairn %s --help explains it", async (name) => {
  const { code, stdout } = await run([CAIRN, name, "--help"]);
  expect(code).toBe(0);
  expect(stdout).toStartWith(`usage: cairn ${name}`);
});

test("an unknown command, option or a wrong count of arguments is misuse: exit code 2", async () => {
  expect(await run([CAIRN, "constructor"])).toMatchObject({ code: 2, stdout: "" });
  expect(await run([CAIRN, "serve", "--nope"])).toMatchObject({ code: 2, stdout: "" });
  expect(await run([CAIRN, "serve", "a", "b"])).toMatchObject({ code: 2, stdout: "" });
});
