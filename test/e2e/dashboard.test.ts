// The dashboard of the real program in a real browser: a key is opened, a CSV uploaded, its result downloaded.

import { expect, test } from "bun:test";
import { launchBrowser, openPage } from "../support/browser.ts";
import { Cairn } from "../support/cairn.ts";
import {
  downloadResult,
  openDashboard,
  shownValue,
  startMerge,
  toggleKey,
  uploadCsv,
  waitForResult,
} from "../support/dashboard-page.ts";
import { memcachedRequest } from "../support/memcached-request.ts";
import { childrenOf } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

test("a reader opens a key, uploads a CSV and downloads its result, merges days and downloads the file", async () => {
  await using folder = await temporaryFolder();
  await Bun.write(folder.at("logs", "2024-05-01_0.log"), "a 1\nc 3\n");
  await Bun.write(folder.at("logs", "2024-05-02_11.log"), "b 2\n");
  await Bun.write(
    folder.at("plays.csv"),
    "Song,Date,Number of Plays\nHey,2024-05-01,2\nAbba,2024-05-01,1\nHey,2024-05-01,40\n",
  );
  await using cairn = await Cairn.start({
    database: folder.at("cairn.sqlite"),
    flags: ["--logs", folder.at("logs")],
  });
  await memcachedRequest(cairn.memcached, "set greeting 0 0 10\r\nhello <b>x\r\n");
  await using browser = await launchBrowser();
  const { page, complaints } = await openPage(browser);

  await openDashboard(page, cairn.http);
  await toggleKey(page, "greeting");
  await page.locator('section[aria-label="Value"] pre').waitFor();
  expect(await shownValue(page)).toBe("hello <b>x");

  await openDashboard(page, cairn.http);
  const upload = await uploadCsv(page, folder.at("plays.csv"));
  await waitForResult(upload);
  const totals = await downloadResult(page, upload);
  expect(totals.bytes.toString()).toBe(
    "Song,Date,Total Number of Plays for Date\nAbba,2024-05-01,1\nHey,2024-05-01,42\n",
  );

  const merge = await startMerge(page, "2024-05-01", "2024-05-02");
  await waitForResult(merge);
  expect((await downloadResult(page, merge)).bytes.toString()).toBe("a 1\nb 2\nc 3\n");
  expect(complaints).toEqual([]);
});

test("an operator sees that no worker is alive when each is killed, and how", async () => {
  await using folder = await temporaryFolder();
  await using cairn = await Cairn.start({
    database: folder.at("cairn.sqlite"),
    flags: ["--workers", "1"],
  });
  await using browser = await launchBrowser();
  const { page } = await openPage(browser);
  await openDashboard(page, cairn.http);
  await page.locator(".tile", { hasText: "Workers" }).getByText("1", { exact: true }).waitFor();
  expect(await page.getByRole("alert").count()).toBe(0);

  await until(
    "the dashboard warns",
    async () => {
      for (const worker of await childrenOf(cairn.pid)) process.kill(worker, "SIGKILL");
      const shown = await page.getByRole("alert").allTextContents();
      return (
        shown.some((text) => text.includes("No worker is alive")) &&
        shown.some((text) => text.includes("the last one was killed by SIGKILL"))
      );
    },
    40_000,
  );
}, 60_000);
