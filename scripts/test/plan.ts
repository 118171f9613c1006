// Which test files there are, and which of them may run beside others.

import { Glob } from "bun";
import { ROOT } from "../run.ts";

export interface Plan {
  /** Run several at a time. */
  readonly together: readonly string[];
  /** Run one at a time and apart: they kill, count milliseconds, or fill both cores. */
  readonly alone: readonly string[];
}

const ALONE = /^test\/(e2e|faults)\//;
/** A browser fills both cores by itself. */
const BROWSER = /from "[./]*support\/browser\.ts"/;

/** The files under `test/` whose paths contain one of `wanted`; all if none is wanted. */
export async function planTests(wanted: readonly string[], root = ROOT): Promise<Plan> {
  const patterns = wanted.map((path) => path.replace(/^\.\//, ""));
  const files: string[] = [];
  for await (const file of new Glob("test/**/*.test.{ts,tsx}").scan({ cwd: root })) {
    if (patterns.length === 0 || patterns.some((pattern) => file.includes(pattern))) files.push(file);
  }
  const alone = new Set<string>();
  for (const file of files) {
    if (ALONE.test(file) || BROWSER.test(await Bun.file(`${root}/${file}`).text())) alone.add(file);
  }
  files.sort();
  return {
    together: files.filter((file) => !alone.has(file)),
    alone: files.filter((file) => alone.has(file)),
  };
}
