// Files of any kind in the dashboard: uploaded, taken up after a reload, saved to the reader's disk and verified.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { launchBrowser, openPage } from "../support/browser.ts";
import { builtWeb } from "../support/built-web.ts";
import { sha256 } from "../support/bytes.ts";
import { openDashboard } from "../support/dashboard-page.ts";
import { type MemoryService, openMemoryService } from "../support/memory-service.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

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

test("an upload that was stopped goes on when the file is chosen again, also after a reload", async () => {
  const { page } = await openPage(browser);
  await openDashboard(page, service.origin, "#/files");
  let held: number | undefined;
  await page.route("**/uploads/*", (route) => {
    const offset = Number(route.request().headers()["upload-offset"] ?? 0);
    if (route.request().method() !== "PATCH" || offset < 3_000_000) return route.continue();
    // Its answer never comes, so that there is something to stop.
    held = offset;
  });
  await chosen(page);
  await until("a late chunk is on its way", () => held !== undefined);
  await entry(page, "file").getByRole("button", { name: "Stop" }).click();
  await entry(page, "file").getByText("It was stopped.").waitFor();
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.reload();
  const offsets: number[] = [];
  page.on("request", (request) => {
    if (request.method() === "PATCH") offsets.push(Number(request.headers()["upload-offset"]));
  });
  await chosen(page);
  await entry(page, "file").getByText("Uploaded, and its SHA-256 is right").waitFor();
  expect(offsets[0]).toBe(held);
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
