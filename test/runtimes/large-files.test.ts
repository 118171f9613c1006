// The built client library under Node and under Bun: same bytes, same errors, bounded memory, and the process ends.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { buildClient } from "../../scripts/build-client.ts";
import { MemcachedServer } from "../support/memcached-server.ts";
import { BUN, ROOT, run } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";

const SIZE = 52_428_800;
/** Measured 14 MiB on Node and 35 to 40 on Bun; a file in memory would be over it. */
const MEMORY_MAX = 48 * 1_048_576;
let folder: TemporaryFolder;
let server: MemcachedServer;
let digest: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  server = await MemcachedServer.start();
  const bytes = randomBytes(SIZE);
  digest = createHash("sha256").update(bytes).digest("hex");
  await writeFile(folder.at("file"), bytes);
  await buildClient(folder.at("dist"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

test.each([
  ["node", "node"],
  ["bun", BUN],
])("52,428,800 bytes under %s", async (runtime, program) => {
  const library = folder.at("dist/client/memcached.js");
  const script = `${ROOT}test/runtimes/large-files.mjs`;
  const { code, output, stdout } = await run([
    program,
    script,
    library,
    server.address,
    folder.at("file"),
    "ünder",
  ]);
  expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
  const seen = JSON.parse(stdout);
  console.log(
    `large file under ${runtime}: ${(seen.grown / 1_048_576).toFixed(1)} MiB over the idle process`,
  );
  expect(seen).toMatchObject({
    runtime,
    size: SIZE,
    sha256: digest,
    verified: digest,
    listed: ["ünder"],
    stored: { size: SIZE, sha256: digest, chunks: 103 },
    again: [true, true, "exists", "AlreadyExists"],
  });
  expect(seen.grown).toBeLessThan(MEMORY_MAX);
});

test("the declarations type a program that uses the package", async () => {
  const user = folder.at("user.mts");
  await writeFile(
    user,
    `import { openLargeFiles, Evicted, type Stored } from "./dist/types/client/memcached/index.js";
const files = await openLargeFiles({ servers: ["127.0.0.1:11211"] });
const stored: Stored = await files.store("a", new Uint8Array(1), { ttl: 1000 });
for await (const chunk of await files.retrieve("a")) chunk satisfies Uint8Array;
export const missing = (error: unknown): readonly number[] => (error instanceof Evicted ? error.missing : []);
// @ts-expect-error there is no such option
await files.store(stored.name, "path", { overwrite: true });
`,
  );
  const flags = "--ignoreConfig --noEmit --strict --target esnext --module nodenext --types node".split(" ");
  const types = ["--typeRoots", `${ROOT}node_modules/@types`];
  const { code, output } = await run([`${ROOT}node_modules/.bin/tsc`, ...flags, ...types, user]);
  expect({ code, output }).toEqual({ code: 0, output: "" });
});
