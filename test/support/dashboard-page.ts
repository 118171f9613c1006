// The steps of a reader of the dashboard, for the tests that drive it in a browser.

import { readFile } from "node:fs/promises";
import type { Locator, Page } from "playwright-core";

/** Opens a section, `#/overview` by default, and waits until it has been drawn. */
export async function openDashboard(page: Page, origin: string, place = "#/overview"): Promise<void> {
  await page.goto(`${origin}/${place}`);
  await page.locator("main h1").first().waitFor({ state: "attached" });
}

/** Clicks on the row of `key` (ASCII) in the keys section or on the overview. */
export async function toggleKey(page: Page, key: string): Promise<void> {
  await keyRow(page, key).click();
}

export function keyRow(page: Page, key: string): Locator {
  return page.locator(`button[data-key="${encodeURIComponent(key).replace(/[!'()*]/g, percent)}"]`);
}

/** The text of the one opened value. */
export async function shownValue(page: Page): Promise<string> {
  return (await page.locator('section[aria-label="Value"] pre').textContent()) ?? "";
}

/** Hands a file to the drop area, as a reader who chooses it in the dialog; returns its entry on the page. */
export async function uploadCsv(page: Page, path: string): Promise<Locator> {
  await page.locator('input[data-testid="csv-input"]').setInputFiles(path);
  return page.locator('[aria-label="Started here"] li[data-kind="upload"]').first();
}

/** Drops content on the area, as a reader who drags a file. */
export async function dropCsv(page: Page, name: string, content: string): Promise<Locator> {
  const data = await page.evaluateHandle(
    ([file, text]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([text ?? ""], file ?? "", { type: "text/csv" }));
      return transfer;
    },
    [name, content],
  );
  await page.locator(".drop").dispatchEvent("drop", { dataTransfer: data });
  return page.locator('[aria-label="Started here"] li[data-kind="upload"]').first();
}

/** Fills in the form of dates, `YYYY-MM-DD` each, and starts the merge; returns its entry on the page. */
export async function startMerge(page: Page, start: string, end: string): Promise<Locator> {
  await page.getByLabel("First day").fill(start);
  await page.getByLabel("Last day").fill(end);
  await page.getByRole("button", { name: "Merge", exact: true }).click();
  return page.locator('[aria-label="Started here"] li[data-kind="merge"]').first();
}

/** Waits until the entry offers its result; fails at once, with its words, when it shows an error. */
export async function waitForResult(entry: Locator, timeoutMs = 60_000): Promise<void> {
  const result = entry.locator("a[download]");
  const bad = entry.locator('[role="alert"], [data-state="failed"], [data-state="cancelled"]');
  await result.or(bad).first().waitFor({ timeout: timeoutMs });
  if ((await result.count()) === 0) throw new Error(`no result: ${await entry.textContent()}`);
}

/** Downloads the entry's result by its link. */
export async function downloadResult(page: Page, entry: Locator): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent("download"), entry.locator("a[download]").click()]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
