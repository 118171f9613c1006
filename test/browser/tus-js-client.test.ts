// tus-js-client in Chromium, as Uppy uses it, against the real program: paused, reloaded, resumed, in parallel parts.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { type BadNetwork, badNetwork } from "../support/bad-network.ts";
import { launchBrowser } from "../support/browser.ts";
import { sha256 } from "../support/bytes.ts";
import { Cairn } from "../support/cairn.ts";
import { ROOT } from "../support/processes.ts";
import { type ScriptPage, type ScriptPages, serveScripts } from "../support/script-page.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

interface Told {
  state: string;
  sent: number;
  resumedFrom: number;
}

declare global {
  var tusUpload: { start(): void; abort(): Promise<void>; url: string | null };
  var tusTold: Told;
  var tusBegin: (options: object) => Promise<void>;
}

setDefaultTimeout(60_000);

const SIZE = 15_000_001;
const bytes = randomBytes(SIZE);
const digest = sha256(bytes);
const HTML = `<input type="file"><script src="/tus.js"></script>
<script type="module">
globalThis.tusBegin = async (options) => {
  const told = { state: "sending", sent: 0, resumedFrom: 0 };
  globalThis.tusTold = told;
  const [file] = document.querySelector("input").files;
  const upload = new tus.Upload(file, {
    retryDelays: [0, 100, 200, 400, 800],
    metadata: { filename: file.name, filetype: file.type },
    removeFingerprintOnSuccess: true,
    ...options,
    onProgress: (sent) => { told.sent = sent; },
    onSuccess: () => { told.state = "done"; },
    onError: (error) => { told.state = String(error); },
  });
  globalThis.tusUpload = upload;
  const [previous] = await upload.findPreviousUploads();
  if (previous) { upload.resumeFromPreviousUpload(previous); told.resumedFrom = 1; }
  upload.start();
};
</script>`;
let folder: TemporaryFolder;
let cairn: Cairn;
let network: BadNetwork;
let browser: Browser;
let pages: ScriptPages;

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeFile(folder.at("file.bin"), bytes);
  cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--workers", "0"] });
  network = await badNetwork(cairn.http);
  const script = await readFile(`${ROOT}node_modules/tus-js-client/dist/tus.min.js`, "utf8");
  pages = serveScripts({ html: HTML, scripts: { "tus.js": script } });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await pages[Symbol.asyncDispose]();
  await network[Symbol.asyncDispose]();
  await cairn.stop();
  await folder[Symbol.asyncDispose]();
});

async function begin(page: Page, options: object): Promise<void> {
  await page.waitForFunction(() => "tusBegin" in globalThis);
  await page.locator("input").setInputFiles(folder.at("file.bin"));
  const endpoint = `${network.origin}/uploads`;
  await page.evaluate((all) => globalThis.tusBegin(all), { endpoint, ...options });
}

/** Waits for the end; the digest of what the server then has. */
async function finished({ page }: ScriptPage): Promise<string> {
  await page.waitForFunction(() => globalThis.tusTold.state !== "sending", undefined, { timeout: 30_000 });
  expect(await page.evaluate(() => globalThis.tusTold.state)).toBe("done");
  const url = await page.evaluate(() => globalThis.tusUpload.url);
  // Not over the network that may be cutting.
  const { pathname } = new URL(url ?? "");
  return sha256(await (await fetch(cairn.http + pathname)).bytes());
}

test("a pause, and on", async () => {
  const opened = await pages.open(browser);
  network.freezeAfter(SIZE / 2);
  await begin(opened.page, { chunkSize: 2_000_000 });
  await until("half of it has passed", () => network.isFrozen);
  await opened.page.evaluate(() => globalThis.tusUpload.abort());
  network.cut();
  network.freeze(false);
  await opened.page.evaluate(() => globalThis.tusUpload.start());
  expect(await finished(opened)).toBe(digest);
  await opened.close();
});

test.each([
  ["in chunks", { chunkSize: 2_000_000 }],
  ["in one request", {}],
  ["in three parts at once", { parallelUploads: 3, chunkSize: 1_000_000 }],
])("a reload in the middle, %s", async (_, options) => {
  const opened = await pages.open(browser);
  network.freezeAfter(SIZE / 2);
  await begin(opened.page, options);
  await until("half of it has passed", () => network.isFrozen);
  await opened.page.evaluate(() => window.stop());
  network.cut();
  network.freeze(false);
  await opened.page.reload();
  await begin(opened.page, options);
  expect(await finished(opened)).toBe(digest);
  expect(await opened.page.evaluate(() => globalThis.tusTold.resumedFrom)).toBe(1);
  await opened.close();
});

test.each([
  ["in one request", {}],
  ["in three parts at once", { parallelUploads: 3 }],
])("a network that cuts, %s", async (_, options) => {
  const opened = await pages.open(browser);
  network.cutAfter(4_000_000);
  await begin(opened.page, options);
  const got = finished(opened);
  await got.finally(() => network.cutAfter(undefined));
  expect(await got).toBe(digest);
  await opened.close();
});
