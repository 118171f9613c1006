// Completion scripts: bash's is run, the others name every command and option.

import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { COMMANDS } from "../../src/cli/commands.ts";
import { CAIRN, run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";

test("bash completes commands, options and values", async () => {
  await using folder = await temporaryFolder();
  const { stdout } = await run([CAIRN, "completion", "bash"]);
  await writeFile(folder.at("completion"), stdout);
  const complete = async (...words: string[]) => {
    const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cairn; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { output } = await run(["bash", "-c", script, "bash", folder.at("completion"), ...words]);
    return output.split("\n").filter((line) => line !== "");
  };
  expect(await complete("cairn", "retr")).toEqual(["retrieve"]);
  expect(await complete("cairn", "store", "--re")).toEqual(["--replace", "--remove-first"]);
  expect(await complete("cairn", "store", "--distribution", "")).toEqual(["ketama", "ketama-weighted"]);
  expect(await complete("cairn", "store", "--distribution", "=", "ketama-")).toEqual(["ketama-weighted"]);
  expect(await complete("cairn", "store", "--distribution", "=")).toEqual(["ketama", "ketama-weighted"]);
  expect(await complete("cairn", "completion", "f")).toEqual(["fish"]);
  // A choice of one command is a file of another.
  expect(await complete("cairn", "aggregate", "--output", "")).toEqual(["csv", "jsonl", "parquet"]);
  expect(await complete("cairn", "merge", "--output", folder.at("compl"))).toEqual([folder.at("completion")]);
  await writeFile(folder.at("of two words"), "");
  expect(await complete("cairn", "store", "x", folder.at("of"))).toEqual([folder.at("of two words")]);
  expect(await complete("cairn", "store", "x", `${folder.at("compl")}`)).toEqual([folder.at("completion")]);
});

describe.each(["zsh", "fish"])("%s", (shell) => {
  test("knows every command and option", async () => {
    const { stdout, code } = await run([CAIRN, "completion", shell]);
    expect(code).toBe(0);
    for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
      expect(stdout).toContain(name);
      expect(stdout.replaceAll("'\\''", "'")).toContain(summary);
      if (name === "completion") continue;
      for (const { flag } of (await load()).options) {
        expect(stdout).toContain(shell === "fish" ? `-l ${flag}` : `--${flag}`);
      }
    }
  });
});

test("another shell is refused, and the known ones are named", async () => {
  const { code, output } = await run([CAIRN, "completion", "ksh"]);
  expect(code).toBe(1);
  expect(output).toContain("bash, zsh, fish");
});
