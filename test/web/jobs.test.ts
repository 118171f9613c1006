// Work started in a real browser and followed to its result: a CSV totalled, log files merged, jobs stopped and retried.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright-core";
import type { JobEntry } from "../../src/wire/api.ts";
import { launchBrowser, openPage } from "../support/browser.ts";
import { builtWeb } from "../support/built-web.ts";
import {
  downloadResult,
  dropCsv,
  openDashboard,
  startMerge,
  uploadCsv,
  waitForResult,
} from "../support/dashboard-page.ts";
import { type MemoryService, openMemoryService } from "../support/memory-service.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(30_000);

const bytes = (text: string) => new TextEncoder().encode(text);
const LOGS = new Map([
  ["2019-08-17_0.log", bytes("2019-08-17:01:00:00 a\n2019-08-17:03:00:00 c\n")],
  ["2019-08-18_0.log", bytes("2019-08-17:02:00:00 b\n")],
]);
const HEADER = "Song,Date,Number of Plays\n";
const TOTALS = "Song,Date,Total Number of Plays for Date\n";
/** 5,000 of these rows are 20 MB: three of the page's chunks, in few rows to add up. */
const LONG_SONG = "la".repeat(2000);
const LONG_ROW = `${LONG_SONG},2024-01-01,1\n`;

let folder: TemporaryFolder;
let service: MemoryService;
let browser: Browser;

beforeAll(async () => {
  folder = await temporaryFolder();
  service = openMemoryService({ web: await builtWeb(), logs: LOGS });
  browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await browser.close();
  await service[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** A job that the page knows nothing of. */
async function submitMerge(): Promise<string> {
  const body = JSON.stringify({ kind: "merge", input: { start: "2019-08-17", end: "2019-08-18" } });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${service.origin}/api/jobs`, { method: "POST", headers, body });
  return ((await answer.json()) as JobEntry).id;
}

describe("without a worker", () => {
  test("a job waits, the page warns, and the job is cancelled and retried", async () => {
    const { page, complaints } = await openPage(browser);
    await openDashboard(page, service.origin);
    await startMerge(page, "2019-08-17", "2019-08-18");
    await page.getByRole("alert").filter({ hasText: "1 job waits, and no worker is alive" }).waitFor();
    await openDashboard(page, service.origin, "#/jobs?state=queued");
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByText("No job matches the filter").waitFor();
    await openDashboard(page, service.origin, "#/jobs?state=cancelled");
    await page.getByRole("button", { name: "Retry", exact: true }).click();
    await page.getByText("No job matches the filter").waitFor();
    expect((await service.queue.counts()).queued).toBe(1);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("all jobs of a state are cancelled, retried and deleted after a question that counts them", async () => {
    const { page, complaints } = await openPage(browser);
    const ids = [await submitMerge(), await submitMerge(), await submitMerge()];
    await openDashboard(page, service.origin, "#/jobs");
    await page.locator(`tr[data-id="${ids[2]}"]`).waitFor();
    expect(await page.getByRole("button", { name: /all…$/ }).count()).toBe(0);
    const before = await service.queue.counts();
    const act = async (state: string, word: string, count: number) => {
      await openDashboard(page, service.origin, `#/jobs?state=${state}`);
      await page.getByRole("button", { name: `${word} all…` }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("button", { name: `${word} ${count} jobs` }).click();
      await dialog.waitFor({ state: "detached" });
    };
    await act("queued", "Cancel", before.queued);
    const cancelled = before.queued + before.cancelled;
    expect(await service.queue.counts()).toMatchObject({ queued: 0, cancelled });
    await act("cancelled", "Retry", cancelled);
    expect(await service.queue.counts()).toMatchObject({ queued: cancelled, cancelled: 0 });
    await act("queued", "Cancel", cancelled);
    await act("cancelled", "Delete", cancelled);
    await page.getByText("No job matches the filter").waitFor();
    expect(await service.queue.counts()).toMatchObject({ queued: 0, cancelled: 0 });
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("a kind is paused and resumed, with its counts beside; a job for later says when it starts", async () => {
    const { page, complaints } = await openPage(browser);
    const id = crypto.randomUUID();
    await service.queue.add({ id, kind: "merge", input: {}, runAt: Date.now() + 7_200_000, priority: 7 });
    await openDashboard(page, service.origin, "#/jobs");
    const row = page.locator('tr[data-kind="merge"]');
    await row.getByRole("button", { name: "Pause merge jobs" }).click();
    await row.getByText("paused").waitFor();
    expect((await service.queue.kinds()).map(({ kind, isPaused }) => [kind, isPaused])).toEqual([
      ["merge", true],
    ]);
    await row.getByRole("button", { name: "Resume merge jobs" }).click();
    await row.getByText("paused").waitFor({ state: "detached" });
    await page.locator(`tr[data-id="${id}"]`).getByText("starts in 1 h").waitFor();
    await page.getByRole("button", { name: `Details of merge ${id}` }).click();
    await page.locator(".facts").getByText("Not before").waitFor();
    await row.getByRole("link", { name: "1 queued merge jobs" }).click();
    await page.waitForURL(/state=queued/);
    await service.queue.cancel(id);
    await service.queue.remove([id]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("the log of an opened job is shown and follows it", async () => {
    const { page, complaints } = await openPage(browser);
    const id = await submitMerge();
    const lease = await service.queue.claim("w", ["merge"], 60_000);
    if (lease?.job.id !== id) throw new Error("another job was claimed");
    const say = (text: string) => service.queue.extend(lease, 60_000, { log: [{ at: Date.now(), text }] });
    await say("the first line");
    await openDashboard(page, service.origin, `#/jobs?open=${id}`);
    const log = page.getByRole("region", { name: "Log" });
    await log.getByText("the first line").waitFor();
    await say("the second line");
    await log.getByText("the second line").waitFor();
    await service.queue.release(lease);
    await service.queue.cancel(id);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("changes of a job come by themselves, without asking for the list again", async () => {
    const { page, complaints } = await openPage(browser);
    const id = await submitMerge();
    const streamed = page.waitForResponse("**/api/jobs/events*");
    await openDashboard(page, service.origin, "#/jobs");
    const row = page.locator(`tr[data-id="${id}"]`);
    await row.locator('[data-state="queued"]').waitFor();
    await streamed;
    // From here on the list cannot be asked for.
    await page.route(/\/api\/jobs(\?.*)?$/, () => undefined);
    await service.queue.cancel(id);
    await row.locator('[data-state="cancelled"]').waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});

describe("with a worker", () => {
  beforeAll(() => service.startWorker());

  test("a CSV of several chunks is uploaded, totalled and its result downloaded", async () => {
    const path = folder.at("plays.csv");
    await Bun.write(path, HEADER + LONG_ROW.repeat(5000));
    const { page, complaints } = await openPage(browser);
    let chunks = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/api/upload_file")) chunks++;
    });
    await openDashboard(page, service.origin);
    const entry = await uploadCsv(page, path);
    await waitForResult(entry);
    const result = await downloadResult(page, entry);
    expect(result.bytes.toString()).toBe(`${TOTALS}${LONG_SONG},2024-01-01,5000\n`);
    expect(chunks).toBe(3);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("a dropped CSV is totalled; its upload and its files are listed, and a file is deleted after a question", async () => {
    const { page } = await openPage(browser);
    await openDashboard(page, service.origin);
    const entry = await dropCsv(
      page,
      "<b>two<b>.csv",
      `${HEADER}b,2024-01-02,2\na,2024-01-01,1\nb,2024-01-02,3\n`,
    );
    await waitForResult(entry);
    const { bytes: result } = await downloadResult(page, entry);
    expect(result.toString()).toBe(`${TOTALS}a,2024-01-01,1\nb,2024-01-02,5\n`);
    await openDashboard(page, service.origin, "#/uploads?state=finished");
    await page.getByRole("row").filter({ hasText: "<b>two<b>.csv" }).waitFor();
    await openDashboard(page, service.origin, "#/files?prefix=%3Cb%3Etwo");
    const row = page.getByRole("row").filter({ hasText: "<b>two<b>.csv" });
    await row.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await row.waitFor({ state: "detached" });
    await page.context().close();
  });

  test("a merge by dates is followed to its download", async () => {
    const { page } = await openPage(browser);
    await openDashboard(page, service.origin);
    const entry = await startMerge(page, "2019-08-17", "2019-08-18");
    await waitForResult(entry);
    const { bytes: merged } = await downloadResult(page, entry);
    expect(merged.toString()).toBe("2019-08-17:01:00:00 a\n2019-08-17:02:00:00 b\n2019-08-17:03:00:00 c\n");
    await page.context().close();
  });

  test("where the stream is cut off, the lists are asked for again and again", async () => {
    const { page } = await openPage(browser);
    let refused = 0;
    await page.route("**/api/jobs/events*", (route) => {
      refused++;
      return route.abort();
    });
    await openDashboard(page, service.origin, "#/jobs");
    await until("the stream is refused", () => refused > 0);
    for (let i = 0; i < 2; i++) {
      await page.locator(`tr[data-id="${await submitMerge()}"] [data-state="succeeded"]`).waitFor();
    }
    await page.context().close();
  });

  test("the workers are shown, with what they do", async () => {
    const { page } = await openPage(browser);
    await openDashboard(page, service.origin);
    const row = page.locator('tr[data-worker="worker-1"]');
    await row.filter({ hasText: "started by itself" }).filter({ hasText: "idle" }).waitFor();
    await page.context().close();
  });

  test("a file that is no CSV is refused in the server's words", async () => {
    const { page } = await openPage(browser);
    await openDashboard(page, service.origin);
    const entry = await dropCsv(page, "notes.txt", "hello");
    await entry.getByRole("alert").filter({ hasText: "notes.txt" }).waitFor();
    await page.context().close();
  });

  test("the rows that were rejected are downloaded beside the result", async () => {
    const { page } = await openPage(browser);
    await openDashboard(page, service.origin);
    const entry = await dropCsv(page, "bad.csv", `${HEADER}a,2024-01-01,1\nb,2024-01-01,none\n`);
    await waitForResult(entry);
    await entry.getByRole("link", { name: "Details" }).click();
    const rejects = page.getByRole("link", { name: /rejects/i }).first();
    const [download] = await Promise.all([page.waitForEvent("download"), rejects.click()]);
    expect(await Bun.file(await download.path()).text()).toContain("none");
    await page.context().close();
  });

  test("a CSV without the columns fails with the reason and the details of the job", async () => {
    const { page } = await openPage(browser);
    await openDashboard(page, service.origin);
    const entry = await dropCsv(page, "other.csv", "a,b\n1,2\n");
    await entry.locator('[data-state="failed"]').waitFor();
    await entry.getByRole("link", { name: "Details" }).click();
    await page.locator(".failure").filter({ hasText: "Song" }).waitFor();
    expect(page.url()).toContain("#/jobs?open=");
    await page.context().close();
  });

  test("an upload that breaks off is resumed after a reload, sending only what is missing", async () => {
    const path = folder.at("resumed.csv");
    await Bun.write(path, HEADER + LONG_ROW.repeat(5001));
    const { page } = await openPage(browser);
    await openDashboard(page, service.origin);
    // The third chunk never leaves, until the page is loaded anew.
    await page.evaluate(() => {
      const { send } = XMLHttpRequest.prototype;
      let sent = 0;
      XMLHttpRequest.prototype.send = function (body) {
        sent++;
        if (sent !== 3) send.call(this, body);
      };
    });
    const answered = { count: 0 };
    page.on("response", (response) => {
      if (response.url().endsWith("/api/upload_file")) answered.count++;
    });
    await uploadCsv(page, path);
    await until("two chunks are answered", () => answered.count === 2);
    await page.reload();
    answered.count = 0;
    const entry = await uploadCsv(page, path);
    await waitForResult(entry);
    expect(answered.count).toBe(1);
    expect((await downloadResult(page, entry)).bytes.toString()).toBe(
      `${TOTALS}${LONG_SONG},2024-01-01,5001\n`,
    );
    await page.context().close();
  });
});
