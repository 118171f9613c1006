// The test command's counts: whatever did not run is a failure, whatever was skipped says why.

import { describe, expect, test } from "bun:test";
import { count, runFile } from "../../scripts/test/file.ts";
import { readReport } from "../../scripts/test/junit.ts";
import { planTests } from "../../scripts/test/plan.ts";
import { temporaryFolder } from "../support/temporary.ts";

const REPORT = `<?xml version="1.0"?>
<testsuites tests="4"><testsuite name="a" tests="4">
  <testcase name="ok" classname="" time="0.1" />
  <testcase name="told (skipped: no disk to fill)" classname="" time="0"><skipped /></testcase>
  <testsuite name="group &lt;x&gt;">
    <testcase name="bad &amp; &quot;ugly&quot;" classname="group &lt;x&gt;" time="0.1"><failure type="Error">a
b</failure></testcase>
  </testsuite>
</testsuite></testsuites>`;

test("a report is read by case", () => {
  expect(readReport(REPORT)).toEqual([
    { name: "ok", outcome: "passed" },
    { name: "told (skipped: no disk to fill)", outcome: "skipped" },
    { name: 'group <x> > bad & "ugly"', outcome: "failed" },
  ]);
});

describe("what counts as a failure beside failed cases", () => {
  const passing = `<testcase name="a" classname="" />`;
  test("nothing else", () => {
    expect(count(REPORT, 1, "")).toMatchObject({ passed: 1, failed: 1, skipped: [expect.any(String)] });
    expect(count(passing, 0, "")).toMatchObject({ passed: 1, failed: 0 });
  });
  test("an exit code that no failed case explains", () => {
    expect(count(passing, 1, "")).toMatchObject({ passed: 1, failed: 1 });
  });
  test("no case, no report", () => {
    expect(count("", 0, "")).toMatchObject({ passed: 0, failed: 1 });
  });
  test("a skip without a reason", () => {
    const result = count(`<testcase name="later" classname=""><skipped message="TODO" /></testcase>`, 0, "");
    expect(result.failed).toBe(1);
    expect(result.output).toContain("skipped without a reason: later");
  });
});

describe("a file, really run", () => {
  const HEAD = `import { expect, test } from "bun:test";\n`;
  test.each([
    [
      "passes and prints a figure",
      `test("a", () => console.log("figure: speed: 5 MB/s"));`,
      1,
      0,
      ["speed: 5 MB/s"],
    ],
    ["fails", `test("a", () => expect(1).toBe(2)); test("b", () => {});`, 1, 1, []],
    ["does not load", `import "./gone.ts"; test("a", () => {});`, 0, 1, []],
    ["throws while loading", `throw new Error("no"); test("a", () => {});`, 0, 1, []],
    ["ends the process with success", `test("a", () => process.exit(0)); test("b", () => {});`, 0, 1, []],
    ["has no test", "export const a = 1;", 0, 1, []],
    [
      "has a hook that fails",
      `import { afterAll } from "bun:test"; afterAll(() => { throw 1; }); test("a", () => {});`,
      1,
      1,
      [],
    ],
  ])("that %s", async (_, text, passed, failed, figures) => {
    await using folder = await temporaryFolder();
    await Bun.write(folder.at("made-up.test.ts"), HEAD + text);
    const result = await runFile(folder.at("made-up.test.ts"), folder.path, 1);
    expect(result).toMatchObject({ passed, failed, figures });
  });
});

test("files are found by part of their path; what kills and measures runs alone", async () => {
  await using folder = await temporaryFolder();
  for (const path of [
    "test/wire/a.test.ts",
    "test/e2e/b.test.ts",
    "test/faults/c.test.ts",
    "test/support/d.ts",
  ]) {
    await Bun.write(folder.at(path), "");
  }
  await Bun.write(folder.at("test/web/b.test.ts"), `import { openBrowser } from "../support/browser.ts";`);
  expect(await planTests([], folder.path)).toEqual({
    together: ["test/wire/a.test.ts"],
    alone: ["test/e2e/b.test.ts", "test/faults/c.test.ts", "test/web/b.test.ts"],
  });
  expect(await planTests(["./test/e2e"], folder.path)).toEqual({
    together: [],
    alone: ["test/e2e/b.test.ts"],
  });
});
