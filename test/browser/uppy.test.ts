// Uppy itself in Chromium against the real program: paused, reloaded, on a network that cuts, in parallel parts, many files.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { type BadNetwork, badNetwork } from "../support/bad-network.ts";
import { launchBrowser } from "../support/browser.ts";
import { sha256 } from "../support/bytes.ts";
import { Cairn } from "../support/cairn.ts";
import { ROOT } from "../support/processes.ts";
import { type ScriptPage, type ScriptPages, serveScripts } from "../support/script-page.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";
import "./uppy-page.ts";

setDefaultTimeout(60_000);

const SIZE = 15_000_001;
const bytes = randomBytes(SIZE);
const digest = sha256(bytes);
const ENDED = () => globalThis.uppyTold.state !== "sending";
let folder: TemporaryFolder;
let cairn: Cairn;
let network: BadNetwork;
let browser: Browser;
let pages: ScriptPages;
let opened: ScriptPage;

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeFile(folder.at("file.bin"), bytes);
  cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--workers", "0"] });
  network = await badNetwork(cairn.http);
  const built = await Bun.build({ entrypoints: [`${ROOT}test/browser/uppy-page.ts`], target: "browser" });
  const script = (await built.outputs[0]?.text()) ?? "";
  pages = serveScripts({
    html: `<input type="file" multiple><script type="module" src="/uppy.js"></script>`,
    scripts: { "uppy.js": script },
  });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await pages[Symbol.asyncDispose]();
  await network[Symbol.asyncDispose]();
  await cairn.stop();
  await folder[Symbol.asyncDispose]();
});

async function begin(page: Page, options: object, files = [folder.at("file.bin")]): Promise<void> {
  await page.waitForFunction(() => "uppyBegin" in globalThis);
  await page.locator("input").setInputFiles(files);
  await page.evaluate((all) => globalThis.uppyBegin(all), {
    endpoint: `${network.origin}/uploads`,
    ...options,
  });
}

/** Waits for the end; the digests of what the server then has. */
async function finished({ page }: ScriptPage): Promise<string[]> {
  await page.waitForFunction(ENDED, undefined, { timeout: 30_000 });
  const told = await page.evaluate(() => globalThis.uppyTold);
  expect([told.state, told.errors]).toEqual(["done", []]);
  // Not over the network that may be cutting.
  const urls = told.urls.map((url) => cairn.http + new URL(url ?? "").pathname);
  return Promise.all(urls.map(async (url) => sha256(await (await fetch(url)).bytes())));
}

const MODES = [
  ["in one request", {}],
  ["in chunks", { chunkSize: 2_000_000 }],
  ["in three parts at once", { parallelUploads: 3, chunkSize: 1_000_000 }],
] as const;

test.each(MODES)("a pause, and on: %s", async (_, options) => {
  opened = await pages.open(browser);
  network.freezeAfter(SIZE / 2);
  await begin(opened.page, options);
  await until("half of it has passed", () => network.isFrozen);
  await opened.page.evaluate(() => globalThis.uppyPause());
  network.cut();
  network.freeze(false);
  const before = network.sent;
  await opened.page.evaluate(() => globalThis.uppyPause());
  expect(await finished(opened)).toEqual([digest]);
  // It went on where it stood.
  expect(network.sent - before).toBeLessThan(SIZE);
  await opened.close();
});

test.each(MODES)("a reload in the middle is taken up: %s", async (_, options) => {
  opened = await pages.open(browser);
  network.freezeAfter(SIZE / 2);
  await begin(opened.page, options);
  await until("half of it has passed", () => network.isFrozen);
  await opened.page.evaluate(() => window.stop());
  network.cut();
  network.freeze(false);
  const before = network.sent;
  await opened.page.reload();
  await begin(opened.page, options);
  expect(await finished(opened)).toEqual([digest]);
  expect(network.sent - before).toBeLessThan(SIZE);
  await opened.close();
});

test.each(MODES)("a network that cuts: %s", async (_, options) => {
  opened = await pages.open(browser);
  network.cutAfter(4_000_000);
  await begin(opened.page, options);
  const got = finished(opened);
  await got.finally(() => network.cutAfter(undefined));
  expect(await got).toEqual([digest]);
  await opened.close();
});

test("many files at once, an empty one too", async () => {
  const files = await Promise.all(
    [0, 1, 70_000, 9_000_000, 65_536].map(async (size, i) => {
      const path = folder.at(`many-${i}`);
      await writeFile(path, bytes.subarray(0, size));
      return { path, digest: sha256(bytes.subarray(0, size)) };
    }),
  );
  opened = await pages.open(browser);
  await begin(
    opened.page,
    {},
    files.map(({ path }) => path),
  );
  const digests = await finished(opened);
  expect(digests.toSorted()).toEqual(files.map((file) => file.digest).toSorted());
  await opened.close();
});

test("what the server refuses is told as the server said it", async () => {
  opened = await pages.open(browser);
  await begin(opened.page, { headers: { "Upload-Checksum": "sha1 not-base64" }, retryDelays: [] });
  await opened.page.waitForFunction(ENDED, undefined, { timeout: 30_000 });
  const told = await opened.page.evaluate(() => globalThis.uppyTold);
  expect(told).toMatchObject({ state: "failed", urls: [] });
  expect(told.errors.join()).toMatch(/400|checksum/);
  await opened.close();
});
