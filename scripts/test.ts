// `npm test [-- PATH…]`: checks, peers, build and every test (or those whose path contains PATH). Ends with the counts.

import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { runChecks } from "./checks.ts";
import { ensurePeers } from "./peers.ts";
import { ROOT, run, seconds, stopOnSignal } from "./run.ts";
import { type FileResult, runFile } from "./test/file.ts";
import { type Plan, planTests } from "./test/plan.ts";

stopOnSignal();
const wanted = process.argv.slice(2);
const broken = await prepare(wanted.length > 0);
const results = await runPlan(await planTests(wanted));
process.exitCode = conclude(results, broken);

/** Runs what comes before the tests; returns the names of the steps that failed. The tests run all the same. */
async function prepare(partial: boolean): Promise<string[]> {
  const broken: string[] = [];
  const tell = (name: string, good: boolean, ms: number, output: string) => {
    if (!good) {
      broken.push(name);
      console.log(output.trimEnd());
    }
    console.log(`${good ? "ok  " : "FAIL"} ${name} ${seconds(ms)}`);
  };
  // The architecture is a test file, so it runs, and counts, with the others.
  if (!partial) {
    await runChecks(["format and lint", "types"], (name, { code, ms, output }) => {
      tell(name, code === 0, ms, output);
    });
  }
  const peers = await ensurePeers((line) => console.log(line));
  if (!peers.good) tell("peers", false, peers.ms, peers.message);
  const build = await run([process.execPath, `${ROOT}scripts/build.ts`]);
  tell("build", build.code === 0, build.ms, build.output);
  return broken;
}

async function runPlan(plan: Plan): Promise<FileResult[]> {
  const reports = await mkdtemp(join(tmpdir(), "cairn-reports-"));
  const results: FileResult[] = [];
  let started = 0;
  const runQueue = async (queue: string[]) => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const result = await runFile(file, reports, started++);
      results.push(result);
      tellFile(result);
    }
  };
  const together = [...plan.together];
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, () => runQueue(together)));
  await runQueue([...plan.alone]);
  await rm(reports, { recursive: true, force: true });
  return results;
}

function tellFile({ file, ms, passed, failed, skipped, output }: FileResult): void {
  if (failed > 0) console.log(`\n${output}\n`);
  const counts = [
    `${passed} passed`,
    failed > 0 && `${failed} failed`,
    skipped.length > 0 && `${skipped.length} skipped`,
  ];
  console.log(
    `${failed === 0 ? "ok  " : "FAIL"} ${file} ${seconds(ms)}  ${counts.filter(Boolean).join(", ")}`,
  );
}

/** Prints figures, skips, failed files and, last, the one line of counts. Returns the exit code. */
function conclude(results: readonly FileResult[], broken: readonly string[]): number {
  const sum = (of: (result: FileResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  const skipped = results.flatMap(({ file, skipped }) => skipped.map((name) => `${file}: ${name}`));
  const red = results.filter(({ failed }) => failed > 0).map(({ file }) => file);
  block(
    "figures",
    results.flatMap(({ file, figures }) => figures.map((figure) => `${figure}  (${file})`)),
  );
  block("skipped", skipped);
  block("failed", [...broken, ...red]);
  const passed = sum((result) => result.passed);
  const nothing = results.length === 0 ? 1 : 0;
  if (nothing) console.log("error: no test file matches");
  const failed = sum((result) => result.failed) + broken.length + nothing;
  console.log();
  console.log(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

function block(title: string, lines: readonly string[]): void {
  if (lines.length > 0) console.log(`\n${title}:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}
