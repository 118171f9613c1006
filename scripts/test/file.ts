// Runs one test file in a Bun of its own and counts what really happened in it.
//
// One process per file, and not one `bun test` for all: a test that ends the process leaves the rest unrun with
// exit code 0 there, and a file that does not load is missing from its report. Here both are failures.

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ROOT, run } from "../run.ts";
import { readReport } from "./junit.ts";

export interface FileResult {
  /** From the repository's folder: `test/wire/ranges.test.ts`. */
  readonly file: string;
  readonly ms: number;
  readonly passed: number;
  readonly failed: number;
  /** Names, each with its reason in it. */
  readonly skipped: readonly string[];
  /** Lines that the tests printed with `figure:` at their beginning. */
  readonly figures: readonly string[];
  /** What to show when it failed. */
  readonly output: string;
}

/** A single test may take this long unless it says otherwise. */
const TEST_LIMIT_MS = 60_000;
const FILE_LIMIT_MS = 300_000;

/** `reports`: a folder for the report; `number` makes its name. */
export async function runFile(file: string, reports: string, number: number): Promise<FileResult> {
  const report = join(reports, `${number}.xml`);
  const { code, output, ms } = await run(
    [
      process.execPath,
      "test",
      "--no-orphans",
      `--timeout=${TEST_LIMIT_MS}`,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      resolve(ROOT, file),
    ],
    { limitMs: FILE_LIMIT_MS },
  );
  const xml = await readFile(report, "utf8").catch((error: Error) => {
    // No report: the process died before it could write one.
    return `<!-- ${error.message} -->`;
  });
  return { file, ms, figures: figuresIn(output), ...count(xml, code, output) };
}

/** Every way of not having run counts as a failure: no report, no case, an exit code that no case explains. */
export function count(
  xml: string,
  code: number,
  output: string,
): Pick<FileResult, "passed" | "failed" | "skipped" | "output"> {
  const cases = readReport(xml);
  const of = (outcome: string) => cases.filter((one) => one.outcome === outcome);
  const complaints: string[] = [];
  if (cases.length === 0) complaints.push(`no test has run (exit code ${code})`);
  else if (code !== 0 && of("failed").length === 0)
    complaints.push(`ended with exit code ${code} though no case failed`);
  for (const { name } of of("skipped")) {
    if (!REASON.test(name)) complaints.push(`skipped without a reason: ${name} (write "… (skipped: why)")`);
  }
  return {
    passed: of("passed").length,
    failed: of("failed").length + complaints.length,
    skipped: of("skipped").map(({ name }) => name),
    output: [output.trimEnd(), ...complaints.map((text) => `error: ${text}`)].join("\n"),
  };
}

const REASON = /\(skipped: \S.*\)/;

function figuresIn(output: string): string[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith("figure:"))
    .map((line) => line.slice("figure:".length).trim());
}
