// Files of any kind in the dashboard: uploaded, taken up after a reload, saved to the reader's disk and verified.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { Browser, Page, Route } from "playwright-core";
import { launchBrowser, openPage } from "../support/browser.ts";
import { builtWeb } from "../support/built-web.ts";
import { sha256 } from "../support/bytes.ts";
import { openDashboard } from "../support/dashboard-page.ts";
import { type MemoryService, openMemoryService } from "../support/memory-service.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { base64, TusCaller } from "../support/tus.ts";

setDefaultTimeout(30_000);

const bytes = randomBytes(8_000_001);
let folder: TemporaryFolder;
let service: MemoryService;
let browser: Browser;

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeFile(folder.at("things.bin"), bytes);
  service = openMemoryService({ web: await builtWeb() });
  browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await browser.close();
  await service[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const chosen = (page: Page) => page.getByTestId("file-input").setInputFiles(folder.at("things.bin"));
const entry = (page: Page, kind: string) =>
  page.locator(`[aria-label="Started here"] li[data-kind="${kind}"]`).first();

test("a file is uploaded, listed, and saved again, verified at both ends", async () => {
  const { page, complaints } = await openPage(browser);
  // No one can press the buttons of the system's dialog here; the origin's own file system has the same handles.
  await page.addInitScript(() => {
    window.showSaveFilePicker = async ({ suggestedName }) =>
      (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
  });
  await openDashboard(page, service.origin, "#/files");
  await chosen(page);
  await entry(page, "file").getByText("Uploaded, and its SHA-256 is right").waitFor();
  const [file] = (await service.files.page({ limit: 1, order: "newest" })).records;
  expect(file).toMatchObject({ name: "things.bin", sha256: sha256(bytes), size: bytes.length });
  await entry(page, "file").getByRole("link", { name: "Show" }).click();
  await page.getByRole("button", { name: "Save and verify" }).click();
  await entry(page, "save").getByText("Saved, and its SHA-256 is right").waitFor();
  const saved = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const held = await (await (await root.getFileHandle("things.bin")).getFile()).arrayBuffer();
    return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", held)));
  });
  expect(Buffer.from(saved).toString("hex")).toBe(sha256(bytes));
  expect(complaints).toEqual([]);
  await page.context().close();
});

/** Chunks of the page from 3 MB on wait for `let`, or get no answer at all: `during`. */
async function stopLate(page: Page, during: "wait" | "cut") {
  const late = Promise.withResolvers<void>();
  const waiting: Route[] = [];
  let offset: number | undefined;
  await page.route("**/uploads/*", (route) => {
    const at = Number(route.request().headers()["upload-offset"] ?? 0);
    if (route.request().method() !== "PATCH" || at < 3_000_000) return route.continue();
    offset ??= at;
    late.resolve();
    if (during === "cut") return route.abort("internetdisconnected");
    waiting.push(route);
  });
  return {
    /** Where the upload stands when the first of them is asked for. */
    stopped: async () => {
      await late.promise;
      return offset ?? Number.NaN;
    },
    let: async () => {
      await page.unroute("**/uploads/*");
      for (const route of waiting) await route.continue().catch(() => undefined); // given up meanwhile
    },
  };
}

/** The offsets of the page's chunks from now on. */
function offsetsOf(page: Page): readonly number[] {
  const offsets: number[] = [];
  page.on("request", (request) => {
    if (request.method() === "PATCH") offsets.push(Number(request.headers()["upload-offset"]));
  });
  return offsets;
}

const uploaded = (page: Page) =>
  entry(page, "file").getByText("Uploaded, and its SHA-256 is right").waitFor();

test("an upload is paused and resumed where it was", async () => {
  const { page, complaints } = await openPage(browser);
  await openDashboard(page, service.origin, "#/files");
  const late = await stopLate(page, "wait");
  await chosen(page);
  const stopped = await late.stopped();
  await entry(page, "file").getByRole("button", { name: "Pause" }).click();
  await entry(page, "file")
    .getByText(/^Paused at [1-9]\d? %$/)
    .waitFor();
  await late.let();
  const offsets = offsetsOf(page);
  await entry(page, "file").getByRole("button", { name: "Resume" }).click();
  await uploaded(page);
  expect(offsets[0]).toBe(stopped);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("an upload goes on when the file is chosen again after a reload", async () => {
  const { page } = await openPage(browser);
  await openDashboard(page, service.origin, "#/files");
  const late = await stopLate(page, "wait");
  await chosen(page);
  const stopped = await late.stopped();
  await page.reload();
  await late.let();
  const offsets = offsetsOf(page);
  await chosen(page);
  await uploaded(page);
  expect(offsets[0]).toBe(stopped);
  await page.context().close();
});

test("a network that is cut is told of, and the upload goes on by itself when it is back", async () => {
  const { page } = await openPage(browser);
  await openDashboard(page, service.origin, "#/files");
  const late = await stopLate(page, "cut");
  await chosen(page);
  await entry(page, "file").getByText("no answer from the server, trying again").waitFor({ timeout: 20_000 });
  await late.let();
  await uploaded(page);
  await page.context().close();
});

test("two tabs that send the same file both end with it", async () => {
  const { page } = await openPage(browser);
  await openDashboard(page, service.origin, "#/files");
  const late = await stopLate(page, "wait");
  await chosen(page);
  const stopped = await late.stopped();
  const other = await page.context().newPage();
  await openDashboard(other, service.origin, "#/files");
  const offsets = offsetsOf(other);
  await chosen(other);
  await uploaded(other);
  expect(offsets[0]).toBe(stopped);
  await late.let();
  await uploaded(page);
  await page.context().close();
});

test("files are dropped anywhere on the section; elsewhere the page stays what it is", async () => {
  const { page, complaints } = await openPage(browser);
  await openDashboard(page, service.origin, "#/files");
  const files = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    for (const name of ["one.txt", "two.txt"]) transfer.items.add(new File([name], name));
    return transfer;
  });
  const section = page.locator("section.page");
  await section.dispatchEvent("dragover", { dataTransfer: files });
  await page.getByText("Let go to upload").waitFor();
  await section.dispatchEvent("dragleave", { dataTransfer: files });
  await page.getByText("Drop files here to upload them").waitFor();
  await section.dispatchEvent("drop", { dataTransfer: files });
  for (const name of ["one.txt", "two.txt"]) {
    const dropped = page.locator('[aria-label="Started here"] li').filter({ hasText: name });
    await dropped.getByText("Uploaded, and its SHA-256 is right").waitFor();
  }
  const isOpened = await page.locator("header").evaluate((header, dataTransfer) => {
    const drop = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
    return header.dispatchEvent(drop);
  }, files);
  expect(isOpened).toBe(false);
  expect(await page.locator('[aria-label="Started here"] li').count()).toBe(2);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("an unfinished upload is discarded, after a question", async () => {
  const tus = new TusCaller(service.origin);
  const url = await tus.create(10, { "upload-metadata": `filename ${base64("left over.bin")}` });
  await tus.patch(url, 0, "12345");
  const { page } = await openPage(browser);
  await openDashboard(page, service.origin, "#/uploads");
  const row = page.locator("tr").filter({ hasText: "left over.bin" });
  await row.getByRole("button").first().click();
  await page.getByRole("button", { name: "Discard" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("5 B of left over.bin").waitFor();
  await dialog.getByRole("button", { name: "Discard" }).click();
  await row.waitFor({ state: "detached" });
  expect((await tus.head(url)).status).toBe(404);
  await page.context().close();
});

test("the section does not overflow a narrow window", async () => {
  const { page } = await openPage(browser, { width: 360, height: 700 });
  await openDashboard(page, service.origin, "#/files");
  await chosen(page);
  await entry(page, "file").getByText("Uploaded, and its SHA-256 is right").waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  await page.context().close();
});
