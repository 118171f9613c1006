// The built library under Node and under Bun: uploads and downloads, killed in the middle and taken up by a new process.

import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { buildClient } from "../../scripts/build-client.ts";
import { type BadNetwork, badNetwork } from "../support/bad-network.ts";
import { Cairn } from "../support/cairn.ts";
import { BUN, Program, ROOT, run } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";

setDefaultTimeout(60_000);

const SIZE = 150_000_000;
/** Measured 60 to 110 MiB, whatever the size: chunks and their copies in fetch; a file in memory would be over it. */
const MEMORY_MAX = 140 * 1_048_576;
let folder: TemporaryFolder;
let cairn: Cairn;
let network: BadNetwork;
let digest: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--workers", "0"] });
  const bytes = randomBytes(SIZE);
  digest = createHash("sha256").update(bytes).digest("hex");
  await writeFile(folder.at("source"), bytes);
  await buildClient(folder.at("dist"));
});
afterAll(async () => {
  await cairn.stop();
  await folder[Symbol.asyncDispose]();
});
beforeEach(async () => {
  network = await badNetwork(cairn.http);
});
afterEach(async () => {
  await network[Symbol.asyncDispose]();
});

describe.each([
  ["node", "node"],
  ["bun", BUN],
])("under %s", (runtime, program) => {
  const command = async (name: string): Promise<{ line: string[]; target: string }> => {
    const place = folder.at(`${runtime}-${name}`);
    await mkdir(place, { recursive: true });
    const paths = [folder.at("source"), `${place}/target`, `${place}/state`];
    const library = folder.at("dist/client/http.js");
    const line = [program, `${ROOT}test/runtimes/transfers.mjs`, library, network.origin, ...paths];
    return { line, target: `${place}/target` };
  };
  const result = (stdout: string) => JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  const digestOf = async (path: string) =>
    createHash("sha256")
      .update(await readFile(path))
      .digest("hex");

  test("150 MB up and down, in bounded memory", async () => {
    const { line, target } = await command("whole");
    const { code, output, stdout } = await run(line);
    expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
    const seen = result(stdout);
    console.log(
      `transfers under ${runtime}: ${(seen.grown / 1_048_576).toFixed(1)} MiB over the idle process`,
    );
    expect(seen).toMatchObject({
      runtime,
      uploaded: { size: SIZE, sha256: digest, verified: true, resumed: 0 },
      downloaded: { size: SIZE, sha256: digest, verified: true, resumed: 0, name: "source" },
      missing: [true, "not-found"],
    });
    expect(await digestOf(target)).toBe(digest);
    expect(seen.grown).toBeLessThan(MEMORY_MAX);
  });

  test("killed with -9 in the upload, then in the download: new processes go on", async () => {
    const { line, target } = await command("killed");
    for (const what of ["uploaded", "downloaded"]) {
      const doomed = await Program.start(line);
      await doomed.untilLine(new RegExp(`half ${what}`));
      await doomed.end("SIGKILL");
    }
    const { code, output, stdout } = await run(line);
    expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
    expect(result(stdout)).toMatchObject({ uploaded: { verified: true }, downloaded: { verified: true } });
    expect(await digestOf(target)).toBe(digest);
  });
});

test("the declarations type a program that uses the package", async () => {
  const user = folder.at("user.mts");
  await writeFile(
    user,
    `import { download, downloadBlob, upload, isFault, type Uploaded } from "./dist/types/client/http/index.js";
import * as page from "./dist/types/client/http/browser.js";
const done: Uploaded = await upload("path", { url: "http://127.0.0.1/uploads", parallel: 3 });
const { size } = await download(done.fileUrl ?? "", "path", { onProgress: ({ done, total }) => void [done, total] });
const { blob } = await downloadBlob("http://127.0.0.1/files/a", { limit: size });
await page.upload(blob, { url: "/uploads", signal: AbortSignal.timeout(1) });
export const isChanged = (error: unknown): boolean => isFault(error, "replaced");
// @ts-expect-error there is no such option
await upload("path", { url: "", chunkSize: 5 });
// @ts-expect-error a page has no paths
await page.download("/files/a", "path");
`,
  );
  const flags = "--ignoreConfig --noEmit --strict --target esnext --module nodenext --types node".split(" ");
  const types = ["--lib", "esnext,dom,dom.iterable", "--typeRoots", `${ROOT}node_modules/@types`];
  const { code, output } = await run([`${ROOT}node_modules/.bin/tsc`, ...flags, ...types, user]);
  expect({ code, output }).toEqual({ code: 0, output: "" });
});
