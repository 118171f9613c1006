// Options: flags before environment before defaults, and values that are checked where they are read.

import { describe, expect, test } from "bun:test";
import { helpLines, type Option, parseBytes, parseDuration, readArguments } from "../../src/cli/option.ts";

const OPTIONS: readonly Option[] = [
  { flag: "max-item", type: "bytes", default: "1mb", help: "largest item" },
  { flag: "sync", type: "choice", choices: ["full", "normal"], default: "full", help: "durability" },
  { flag: "http-port", type: "port", default: "8000", help: "where" },
  { flag: "json", type: "switch", help: "machine-readable" },
  { flag: "files", type: "integer", default: "10", help: "how many" },
  { flag: "wait", type: "duration", help: "how long" },
];

function valuesOf(argv: readonly string[], env: Record<string, string> = {}) {
  return readArguments(argv, OPTIONS, env).values;
}

describe("readArguments", () => {
  test("takes the flag before the environment before the default", () => {
    expect(valuesOf([])).toEqual({ "max-item": 1_048_576, sync: "full", "http-port": 8000, files: 10 });
    expect(valuesOf([], { CAIRN_MAX_ITEM: "2mb", CAIRN_JSON: "1" })).toMatchObject({
      "max-item": 2_097_152,
      json: true,
    });
    expect(valuesOf(["--max-item", "3mb"], { CAIRN_MAX_ITEM: "2mb" })["max-item"]).toBe(3_145_728);
  });

  test("keeps positionals, also behind --", () => {
    expect(readArguments(["a", "--json", "b", "--", "-files"], OPTIONS, {}).positionals).toEqual([
      "a",
      "b",
      "-files",
    ]);
  });

  test("understands Go's single dash", () => {
    expect(valuesOf(["-files", "300"]).files).toBe(300);
    expect(valuesOf(["-files=300"]).files).toBe(300);
  });

  test("a port may be off or 0", () => {
    expect(valuesOf(["--http-port", "off"])["http-port"]).toBe("off");
    expect(valuesOf(["--http-port", "0"])["http-port"]).toBe(0);
  });

  test.each([
    [["--max-item", "lots"], /--max-item: "lots" is not a size/],
    [["--sync", "never"], /--sync: "never" is not one of full, normal/],
    [["--http-port", "65536"], /--http-port: "65536" is not a port/],
    [["--files", "1.5"], /--files: "1.5" is not a whole number/],
    [["--wait", "5"], /--wait: "5" is not a duration/],
    [["--nope"], /nope/],
  ])("%p is refused with its reason", (argv, reason) => {
    expect(() => valuesOf(argv)).toThrow(reason);
  });
});

test.each([
  ["0", 0],
  ["1048576", 1_048_576],
  ["64mb", 67_108_864],
  ["1.5 KB", 1536],
  ["512KiB", 524_288],
  ["2g", 2_147_483_648],
  ["9999999t", undefined],
  ["-1", undefined],
  ["", undefined],
])("parseBytes(%p) is %p", (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes as number);
});

test.each([
  ["250ms", 250],
  ["1.5s", 1500],
  ["7d", 604_800_000],
  ["7", undefined],
])("parseDuration(%p) is %p", (text, ms) => {
  expect(parseDuration(text)).toBe(ms as number);
});

test("help lines carry the word and the default of each option", () => {
  expect(helpLines(OPTIONS.slice(0, 2))).toEqual([
    "  --max-item SIZE     largest item  [1mb]",
    "  --sync full|normal  durability  [full]",
  ]);
});
