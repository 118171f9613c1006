// Dropzone's own library in Chromium against the real program: serial, all chunks at once, retried, and small files.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import type { Browser } from "playwright-core";
import type { FilePage, UploadPage } from "../../src/wire/api.ts";
import { type BadNetwork, badNetwork } from "../support/bad-network.ts";
import { launchBrowser } from "../support/browser.ts";
import { sha256 } from "../support/bytes.ts";
import { Cairn } from "../support/cairn.ts";
import { ROOT } from "../support/processes.ts";
import { type ScriptPages, serveScripts } from "../support/script-page.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

interface Told {
  readonly status: string;
  readonly text: string;
  readonly retries: number;
}

declare global {
  var begin: (options: object) => void;
  var told: Told | undefined;
}

setDefaultTimeout(60_000);

const CHUNK = 200_000;
const HTML = `<form id="zone"></form><input type="file" id="chooser">
<script type="module">
import Dropzone from "/dropzone.js";
Dropzone.autoDiscover = false;
globalThis.begin = (options) => {
  globalThis.told = undefined;
  const zone = new Dropzone("#zone", { chunking: true, ...options });
  const tell = (status, file, text) => {
    const retries = (file.upload.chunks ?? []).reduce((sum, chunk) => sum + (chunk?.retries ?? 0), 0);
    globalThis.told = { status, retries, text: typeof text === "string" ? text : JSON.stringify(text) };
  };
  zone.on("success", (file, text) => tell("success", file, text ?? file.xhr.response));
  zone.on("error", (file, text) => tell("error", file, text));
  zone.addFile(document.querySelector("#chooser").files[0]);
};
</script>`;
let folder: TemporaryFolder;
let cairn: Cairn;
let network: BadNetwork;
let browser: Browser;
let pages: ScriptPages;

beforeAll(async () => {
  folder = await temporaryFolder();
  cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--workers", "0"] });
  network = await badNetwork(cairn.http);
  const script = await readFile(`${ROOT}node_modules/dropzone/dist/dropzone.mjs`, "utf8");
  pages = serveScripts({ html: HTML, scripts: { "dropzone.js": script } });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await pages[Symbol.asyncDispose]();
  await network[Symbol.asyncDispose]();
  await cairn.stop();
  await folder[Symbol.asyncDispose]();
});

/** A CSV of its own, so that no test finds another's file. */
async function csv(name: string, rows: number): Promise<{ path: string; digest: string }> {
  const lines = Array.from({ length: rows }, (_, i) => `${name} ${i},2024-01-0${(i % 9) + 1},${i}`);
  const text = `Song,Date,Number of Plays\n${lines.join("\n")}\n`;
  await writeFile(folder.at(name), text);
  return { path: folder.at(name), digest: sha256(text) };
}

async function dropped(path: string, options: object): Promise<Told> {
  const { page, close } = await pages.open(browser);
  await page.waitForFunction(() => "begin" in globalThis);
  await page.locator("#chooser").setInputFiles(path);
  await page.evaluate((all) => globalThis.begin(all), {
    url: `${network.origin}/api/upload_file`,
    chunkSize: CHUNK,
    ...options,
  });
  const told = await page.waitForFunction(() => globalThis.told, undefined, { timeout: 30_000 });
  const answer = (await told.jsonValue()) as Told;
  await close();
  return answer;
}

const fetchJson = async <T>(path: string) => (await (await fetch(cairn.http + path)).json()) as T;
const filesOf = async (digest: string) =>
  (await fetchJson<FilePage>(`/api/files?sha256=${digest}`)).files.map(({ name, size }) => ({ name, size }));

test.each([
  ["one chunk after the other", "serial.csv", {}],
  ["all chunks at once", "parallel.csv", { parallelChunkUploads: true }],
])("a file in chunks, %s", async (_, name, options) => {
  const { path, digest } = await csv(name, 60_000);
  const told = await dropped(path, options);
  expect(told).toMatchObject({ status: "success", retries: 0 });
  expect(JSON.parse(told.text)).toMatchObject({ message: expect.stringContaining("uploaded successfully") });
  expect(await filesOf(digest)).toEqual([{ name, size: Bun.file(path).size }]);
  const { uploads } = await fetchJson<UploadPage>("/api/uploads");
  expect(uploads.find((upload) => upload.name === name)).toMatchObject({
    state: "finished",
    protocol: "dropzone",
    received: Bun.file(path).size,
  });
});

test("chunks that fail on a broken network are sent again", async () => {
  const { path, digest } = await csv("retried.csv", 60_000);
  // Less than a chunk: a browser repeats by itself what fails on a connection that it had used before.
  network.cutAfter(CHUNK / 2);
  const before = network.connections;
  const dropping = dropped(path, { retryChunks: true, retryChunksLimit: 1_000 });
  await until("some chunks have failed", () => network.connections > before + 5);
  network.cutAfter(undefined);
  const told = await dropping;
  expect(told.status).toBe("success");
  expect(told.retries).toBeGreaterThan(0);
  expect((await filesOf(digest)).length).toBe(1);
});

test("a file that is not larger than a chunk comes without any dz field", async () => {
  const { path, digest } = await csv("small.csv", 10);
  const told = await dropped(path, {});
  expect(told.status).toBe("success");
  expect(JSON.parse(told.text)).toMatchObject({ job_id: expect.stringMatching(/./) });
  expect((await filesOf(digest)).length).toBe(1);
});

test("a refusal is shown in the server's words", async () => {
  await writeFile(folder.at("notes.txt"), "hello");
  const told = await dropped(folder.at("notes.txt"), {});
  expect(told.status).toBe("error");
  expect(told.text).toContain("csv");
});
