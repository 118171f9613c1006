// The architecture's checker can fail: made-up trees with one thing wrong each, and what it says of them.

import { expect, test } from "bun:test";
import { temporaryFolder } from "../support/temporary.ts";
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
} from "./rules.ts";
import { readTable } from "./table.ts";
import { type FileFacts, readTree } from "./tree.ts";

const TABLE = readTable(`
| folder | holds | may import |
|---|---|---|
| \`src/wire\` | words | nothing |
| \`src/compute\` | algorithms | \`src/wire/faults.ts\` |
| \`src/ports\` | contracts | \`src/wire\` (types) |
| \`src/domain/kv\` | items | \`src/ports\` (types), \`src/wire\` |
| \`src/domain/files\` | files | \`src/ports\` (types), \`src/wire\` |
| \`src/domain/jobs\` | jobs | \`src/ports\` (types), \`src/wire\`, \`src/domain/files\` |
| \`src/doors/http\` | http | \`src/domain\`, \`src/wire\` |
| \`src/doors/memcached\` | text | \`src/domain\`, \`src/wire\` |
| \`src/adapters/disk\`, \`src/adapters/sqlite\` | bytes | \`src/ports\` (types), \`src/wire\` |
| \`src/app\` | all | everything |
| \`src/cli\` | commands | \`src/wire\` |
| \`src/cli/serve.ts\` | serve | \`src/wire\`, \`src/app\` (late) |

| library | only in |
|---|---|
| \`zod\` | \`src/wire\` |
| \`@mantine/*\` | \`src/web\` |
| \`@duckdb/node-api\` | \`src/adapters/disk\` (late) |
| \`node:*\` | \`src/adapters\`, \`src/domain\` |
`);

/** Writes the files into a folder and reads them as a tree. Each gets a sentence unless it begins with a comment. */
async function treeOf(files: Readonly<Record<string, string>>): Promise<FileFacts[]> {
  await using folder = await temporaryFolder();
  const compilerOptions = { noEmit: true, allowImportingTsExtensions: true, module: "Preserve", types: [] };
  await Bun.write(folder.at("tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src", "test"] }));
  for (const [path, text] of Object.entries(files)) {
    await Bun.write(folder.at(path), text.startsWith("//") ? text : `// Says what it is for.\n${text}`);
  }
  return await readTree(folder.path, ["src", "test"]);
}

async function complaints(files: Readonly<Record<string, string>>): Promise<string[]> {
  return forbiddenImports(await treeOf(files), TABLE);
}

const GOOD = {
  "src/wire/faults.ts": `import { z } from "zod"; export const fault = z; export type Code = "a";`,
  "src/wire/routes.ts": `import { fault } from "./faults.ts"; export const routes = fault;`,
  "src/ports/blobs.ts": `import type { Code } from "../wire/faults.ts"; export interface Blobs { code: Code }`,
  "src/domain/files/files.ts": `import { type Blobs } from "../../ports/blobs.ts"; export const files = (b: Blobs) => b;`,
  "src/domain/jobs/jobs.ts": `import { files } from "../files/files.ts"; export const jobs = files;`,
  "src/adapters/disk/blobs.ts": `import type { Blobs } from "../../ports/blobs.ts"; import fs from "node:fs/promises";
export const load = () => import("@duckdb/node-api"); export const disk = (b: Blobs) => [b, fs];`,
  "src/app/serve.ts": `import { disk } from "../adapters/disk/blobs.ts"; export const serve = disk;`,
  "src/cli/commands.ts": `export const load = () => import("./serve.ts");`,
  "src/cli/command.ts": `export type Command = string;`,
  "src/cli/serve.ts": `import type { Command } from "./command.ts"; export const run = (c: Command) => [c, import("../app/serve.ts")];`,
};

test("a tree that keeps to the table gets no complaint", async () => {
  expect(await complaints(GOOD)).toEqual([]);
});

test.each([
  [
    "an adapter that imports the domain",
    "src/adapters/disk/bad.ts",
    `import { files } from "../../domain/files/files.ts";`,
  ],
  [
    "an adapter that imports another",
    "src/adapters/sqlite/bad.ts",
    `import { disk } from "../disk/blobs.ts";`,
  ],
  [
    "an adapter that imports a port's value",
    "src/adapters/disk/bad.ts",
    `import { x } from "../../ports/blobs.ts";`,
  ],
  [
    "the same among types",
    "src/adapters/disk/bad.ts",
    `import { x, type Blobs } from "../../ports/blobs.ts";`,
  ],
  [
    "a door that imports an adapter, late",
    "src/doors/http/bad.ts",
    `await import("../../adapters/disk/blobs.ts");`,
  ],
  ["a door that re-exports a port", "src/doors/http/bad.ts", `export { x } from "../../ports/blobs.ts";`],
  ["a sideways arrow of the domain", "src/domain/files/bad.ts", `import { jobs } from "../jobs/jobs.ts";`],
  [
    "compute that imports more than faults",
    "src/compute/bad.ts",
    `import { routes } from "../wire/routes.ts";`,
  ],
  ["wire that imports a port's type", "src/wire/bad.ts", `let x: import("../ports/blobs.ts").Blobs;`],
  ["a command that imports app at once", "src/cli/serve.ts", `import { serve } from "../app/serve.ts";`],
  ["another command that imports app", "src/cli/bad.ts", `await import("../app/serve.ts");`],
  ["a door that imports app", "src/doors/http/bad.ts", `import type { serve } from "../../app/serve.ts";`],
  ["a library out of its room", "src/domain/kv/bad.ts", `import { z } from "zod";`],
  ["its subpath", "src/domain/kv/bad.ts", `import { z } from "zod/mini";`],
  ["a library that nobody listed", "src/wire/bad.ts", `import left from "left-pad";`],
  ["a scoped library out of its room", "src/wire/bad.ts", `import { Button } from "@mantine/core";`],
  ["a late library imported at once", "src/adapters/disk/bad.ts", `import duck from "@duckdb/node-api";`],
  ["a folder without a row", "src/adapters/s3/bad.ts", `export const s3 = 1;`],
  ["a file that is not there", "src/wire/bad.ts", `import { x } from "./gone.ts";`],
  ["an import without extension", "src/wire/bad.ts", `import { x } from "./faults";`],
])("%s is named", async (_, path, text) => {
  const found = await complaints({ ...GOOD, [path]: text });
  expect(found).toHaveLength(1);
  expect(found[0]).toStartWith(path);
  const specifier = text.match(/"([^"]+)"/)?.[1];
  if (specifier) expect(found[0]).toContain(`imports "${specifier}"`);
});

test("cycles are told as a way; late imports close none", async () => {
  const around = {
    "src/wire/a.ts": `import "./b.ts";`,
    "src/wire/b.ts": `import type { c } from "./c.ts";`,
    "src/wire/c.ts": `export { a } from "./a.ts";`,
  };
  expect(importCycles(await treeOf(around))).toEqual([
    "src/wire/a.ts → src/wire/b.ts → src/wire/c.ts → src/wire/a.ts",
  ]);
  expect(importCycles(await treeOf({ ...around, "src/wire/c.ts": `await import("./a.ts");` }))).toEqual([]);
});

test("printing, and Bun where Node or a browser runs, are found by line", async () => {
  const tree = await treeOf({
    "src/cli/output.ts": `console.log("fine");`,
    "src/cli/main.ts": `\nconsole.error("not here");`,
    "src/client/http.ts": `export const file = Bun.file("x");`,
    "src/app/serve.ts": `export const file = Bun.file("console.log()");`,
  });
  expect(forbiddenGlobals(tree, "src/cli/output.ts", ["src/client"])).toEqual([
    "src/cli/main.ts:3: uses console.error: only src/cli/output.ts prints",
    "src/client/http.ts:2: uses Bun.file: it must run without Bun",
  ]);
});

test("a domain file that opens files is found", async () => {
  const tree = await treeOf({ "src/domain/kv/a.ts": `import "node:fs/promises"; import "node:crypto";` });
  expect(impureImports(tree, ["src/domain"])).toEqual([
    "src/domain/kv/a.ts:2: imports node:fs/promises: it knows no disk and no network",
  ]);
});

test("drawers, other cases and barrels are found by their names", () => {
  expect(
    poorNames(
      [
        "src/wire/utils.ts",
        "src/helpers/a.ts",
        "src/wire/byteRange.ts",
        "src/wire/index.ts",
        "src/client/x/index.ts",
      ],
      ["src/client"],
    ),
  ).toEqual([
    "src/wire/utils.ts: utils.ts is a drawer; name it by what is in it",
    "src/helpers/a.ts: helpers is a drawer; name it by what is in it",
    "src/wire/byteRange.ts: byteRange.ts is not kebab-case",
    "src/wire/index.ts: a barrel; only the published client has one",
  ]);
});

test("a file without a sentence, too long, or with a long function is found", async () => {
  const tree = await treeOf({
    "src/wire/a.ts": "//\nexport const a = 1;",
    "src/wire/b.ts": `export const long = () => {\n${"\n".repeat(60)}};`,
    "src/wire/c.ts": "\n".repeat(300),
    "src/wire/d.ts": "// A sentence that goes on\n// and ends here.\n",
  });
  expect(missingSentences(tree)).toEqual([
    "src/wire/a.ts:1: the first line must be a comment: one sentence on what the file is for",
  ]);
  const limits = { fileLines: 300, functionLines: 60 };
  expect(oversized(tree, limits, {})).toEqual([
    "src/wire/b.ts:2: long has 62 lines, over 60",
    "src/wire/c.ts: has 301 lines, over 300",
  ]);
  expect(oversized(tree, limits, { "src/wire/c.ts": "a reason" })).toHaveLength(1);
});

test("tests that sleep are found; deadlines and manual clocks are not sleeps", async () => {
  const tree = await treeOf({
    "test/a.test.ts": `await Bun.sleep(5);
await new Promise((resolve) => setTimeout(resolve, 5));
await new Promise<void>((done) => { setTimeout(() => done(), 5); });`,
    "test/b.test.ts": `import { setTimeout as pause } from "node:timers/promises"; await pause(5);`,
    "test/c.test.ts": `await clock.sleep(5);
await new Promise((resolve, reject) => { setTimeout(() => reject(new Error("late")), 5); socket.once("data", resolve); });`,
  });
  expect(sleepingTests(tree, {}).map((text) => text.split(": ")[0])).toEqual([
    "test/a.test.ts:2",
    "test/a.test.ts:3",
    "test/a.test.ts:4",
    "test/b.test.ts:2",
  ]);
  expect(sleepingTests(tree, { "test/a.test.ts": "a reason", "test/b.test.ts": "another" })).toEqual([]);
  expect(staleExceptions(tree, { "test/gone.test.ts": "a reason" })).toEqual([
    "test/gone.test.ts: is excepted, and is not there",
  ]);
});

test("export * is found outside the client", async () => {
  const tree = await treeOf({
    "src/wire/a.ts": `export * from "./b.ts";`,
    "src/wire/b.ts": "export const b = 1;",
  });
  expect(starExports(tree, ["src/client"])).toEqual([`src/wire/a.ts:2: export * from "./b.ts"`]);
  expect(starExports(tree, ["src/wire"])).toEqual([]);
});

test("a lock that names a registry or a folder of a machine is found", () => {
  const registry = "registry.example";
  const lock = `{\n  "version": "1.0.0",\n  "resolved": "https://${registry}/a.tgz",\n  "b": "file:../b"\n}`;
  expect(localLockEntries(lock).map((text) => text.split(": ")[0])).toEqual([
    "package-lock.json:3",
    "package-lock.json:4",
  ]);
});

test("a page without the tables is an error, not an empty rule", () => {
  expect(() => readTable("# Architecture")).toThrow("no table");
});
