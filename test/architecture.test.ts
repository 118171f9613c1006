// Holds the tree to docs/architecture.md and to our style. A complaint names the file, the line and what is wrong.

import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { Glob } from "bun";
import { LONG_FILES, PORTS_WITHOUT_SUITE, TIMED_TESTS } from "./architecture/exceptions.ts";
import {
  forbiddenGlobals,
  forbiddenImports,
  importCycles,
  impureImports,
  localLockEntries,
  missingSentences,
  oversized,
  poorNames,
  sleepingTests,
  staleExceptions,
  starExports,
} from "./architecture/rules.ts";
import { readTable } from "./architecture/table.ts";
import { readTree } from "./architecture/tree.ts";
import { ROOT } from "./support/processes.ts";

const FOLDERS = ["src", "test", "scripts", "bench"];
/** They run on Node and in browsers too. */
const PORTABLE = ["src/client", "src/wire", "src/web", "src/compute/reed-solomon.ts"];
const PURE = ["src/domain", "src/compute"];
const MAY_BE_INDEX = ["src/client"];

const table = readTable(await readFile(`${ROOT}docs/architecture.md`, "utf8"));
const files = await readTree(ROOT, FOLDERS);
const source = files.filter(({ path }) => path.startsWith("src/"));
const tests = files.filter(({ path }) => path.startsWith("test/"));

test("the tree was read", () => {
  expect(source.length).toBeGreaterThan(10);
  expect(tests.length).toBeGreaterThan(1);
});

test("every import is an arrow of docs/architecture.md", () => {
  expect(forbiddenImports(files, table)).toEqual([]);
});

test("no import cycles", () => {
  expect(importCycles(files)).toEqual([]);
});

test("the domain and compute know no disk and no network", () => {
  expect(impureImports(source, PURE)).toEqual([]);
});

test("only cli/output.ts prints; what runs elsewhere does not use Bun", () => {
  expect(forbiddenGlobals(source, "src/cli/output.ts", PORTABLE)).toEqual([]);
});

test("files are named by topics, in kebab-case, and there are no barrels", async () => {
  const paths: string[] = [];
  for (const folder of FOLDERS) {
    for await (const path of new Glob(`${folder}/**/*`).scan({ cwd: ROOT })) paths.push(path);
  }
  expect(poorNames(paths, MAY_BE_INDEX)).toEqual([]);
  expect(starExports(source, MAY_BE_INDEX)).toEqual([]);
});

test("every file begins with a sentence on what it is for", () => {
  expect(missingSentences(files)).toEqual([]);
});

test("no file over 300 lines, no function over 60", () => {
  const ours = files.filter(({ path }) => !path.startsWith("test/"));
  expect(oversized(ours, { fileLines: 300, functionLines: 60 }, LONG_FILES)).toEqual([]);
});

test("every port has a conformance suite, and something runs it", () => {
  const known = new Set(files.map(({ path }) => path));
  const ports = source.flatMap(({ path }) => path.match(/^src\/ports\/(.+)\.ts$/)?.[1] ?? []);
  const wanted = ports
    .filter((port) => !Object.hasOwn(PORTS_WITHOUT_SUITE, port))
    .flatMap((port) => [`test/conformance/${port}.suite.ts`, `test/conformance/${port}.test.ts`]);
  expect(wanted.filter((path) => !known.has(path))).toEqual([]);
});

test("no test sleeps", () => {
  expect(sleepingTests(tests, TIMED_TESTS)).toEqual([]);
});

test("no exception outlives its reason", () => {
  expect(staleExceptions(files, LONG_FILES, TIMED_TESTS)).toEqual([]);
});

test("package-lock.json names no registry and no path of a machine", async () => {
  expect(localLockEntries(await readFile(`${ROOT}package-lock.json`, "utf8"))).toEqual([]);
});
