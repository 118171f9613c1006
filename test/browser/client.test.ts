// The client library in Chromium: uploads that outlive a reload, downloads into files and Blobs, verified.

import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import type { Browser } from "playwright-core";
import { buildClient } from "../../scripts/build-client.ts";
import type * as Client from "../../src/client/http/browser.ts";
import { type BadNetwork, badNetwork } from "../support/bad-network.ts";
import { launchBrowser } from "../support/browser.ts";
import { sha256 } from "../support/bytes.ts";
import { Cairn } from "../support/cairn.ts";
import { type ScriptPage, type ScriptPages, serveScripts } from "../support/script-page.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";
import { uploadPlain } from "../support/uploaded-file.ts";

declare global {
  var client: typeof Client;
  var transfer: { done: number; result?: unknown; error?: string };
}

setDefaultTimeout(60_000);

const SIZE = 16_000_001;
const bytes = randomBytes(SIZE);
const digest = sha256(bytes);
const HTML = `<input type="file">
<script type="module">import * as client from "/client.js"; globalThis.client = client;</script>`;
let folder: TemporaryFolder;
let cairn: Cairn;
let network: BadNetwork;
let browser: Browser;
let script: string;
let pages: ScriptPages;
let opened: ScriptPage;

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeFile(folder.at("file.bin"), bytes);
  await buildClient(folder.at("dist"));
  script = await readFile(folder.at("dist/client/http-browser.js"), "utf8");
  pages = serveScripts({ html: HTML, scripts: { "client.js": script } });
  cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--workers", "0"] });
  network = await badNetwork(cairn.http);
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await pages[Symbol.asyncDispose]();
  await network[Symbol.asyncDispose]();
  await cairn.stop();
  await folder[Symbol.asyncDispose]();
});
beforeEach(async () => {
  opened = await pages.open(browser);
  await ready();
});
afterEach(() => opened.close());

const ready = () => opened.page.waitForFunction(() => "client" in globalThis);
/** Begins to upload the file that is chosen; what happens is told in `transfer`. */
async function beginUpload(parallel: number): Promise<void> {
  await opened.page.locator("input").setInputFiles(folder.at("file.bin"));
  const settings = { url: `${network.origin}/uploads`, parallel };
  await opened.page.evaluate((options) => {
    globalThis.transfer = { done: 0 };
    const file = document.querySelector("input")?.files?.[0];
    if (!file) throw new Error("no file was chosen");
    const onProgress = ({ done }: { done: number }) => {
      globalThis.transfer.done = done;
    };
    globalThis.client.upload(file, { ...options, onProgress }).then(
      (result) => {
        globalThis.transfer.result = result;
      },
      (error) => {
        globalThis.transfer.error = String(error);
      },
    );
  }, settings);
}
async function ended(): Promise<unknown> {
  const handle = await opened.page.waitForFunction(
    () => globalThis.transfer.result ?? globalThis.transfer.error,
    undefined,
    { timeout: 30_000 },
  );
  return handle.jsonValue();
}

test("the bundle needs nothing of Node", () => {
  expect(script).not.toMatch(/node:|\bBuffer\b|\bprocess\./);
});

test.each([1, 3])("an upload of %i parts is taken up after a reload", async (parallel) => {
  network.freezeAfter(SIZE / 2);
  await beginUpload(parallel);
  await until("half of it has passed", () => network.isFrozen);
  await opened.page.evaluate(() => window.stop());
  network.cut();
  network.freeze(false);
  await opened.page.reload();
  await ready();
  expect(await opened.page.evaluate(() => window.localStorage.length)).toBe(1);
  await beginUpload(1);
  const done = (await ended()) as Client.Uploaded;
  expect(done).toMatchObject({ name: "file.bin", size: SIZE, sha256: digest, verified: true });
  expect(done.resumed).toBeGreaterThan(SIZE / 20);
  expect(await opened.page.evaluate(() => window.localStorage.length)).toBe(0);
  expect(sha256(await (await fetch(done.fileUrl ?? "")).bytes())).toBe(digest);
});

test("an upload outlives connections that break", async () => {
  network.cutAfter(5_000_000);
  await beginUpload(2);
  const done = await ended();
  network.cutAfter(undefined);
  expect(done).toMatchObject({ sha256: digest, verified: true });
});

test("downloads into a Blob, and into a file of the origin's own", async () => {
  const { url } = await uploadPlain(cairn.http, bytes, "größe.csv");
  const path = network.origin + new URL(url).pathname;
  const blob = await opened.page.evaluate(async (from) => {
    const { blob: whole, ...facts } = await globalThis.client.downloadBlob(from);
    return { ...facts, held: whole.size };
  }, path);
  expect(blob).toMatchObject({ name: "größe.csv", held: SIZE, sha256: digest, verified: true });
  network.cutAfter(5_000_000);
  const file = await opened.page.evaluate(async (from) => {
    const root = await navigator.storage.getDirectory();
    const handle = await root.getFileHandle("copy", { create: true });
    const facts = await globalThis.client.download(from, handle, { parallel: 3 });
    return { ...facts, held: (await handle.getFile()).size };
  }, path);
  network.cutAfter(undefined);
  expect(file).toMatchObject({ held: SIZE, sha256: digest, verified: true });
});

test("what fails leaves the file as it was", async () => {
  const { url } = await uploadPlain(cairn.http, bytes, "other.csv");
  const outcome = await opened.page.evaluate(async (from) => {
    const root = await navigator.storage.getDirectory();
    const handle = await root.getFileHandle("kept", { create: true });
    const codes: unknown[] = [];
    for (const [where, sha256] of [
      [from, "0".repeat(64)],
      [new URL("/files/nothing", from).href, undefined],
    ] as const) {
      const options = sha256 === undefined ? {} : { sha256 };
      await globalThis.client.download(where, handle, options).catch((error) => codes.push(error.code));
    }
    return [...codes, (await handle.getFile()).size];
  }, network.origin + new URL(url).pathname);
  expect(outcome).toEqual(["mismatch", "not-found", 0]);
});
