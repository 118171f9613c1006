// Every text on the page can be read by everybody, in light and in dark colours: WCAG 2.2 §1.4.3, a contrast of 4.5, or 3 for large text.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright-core";
import type { MemoryQueue } from "../../src/adapters/memory/queue.ts";
import { launchBrowser, openPage } from "../support/browser.ts";
import { builtWeb } from "../support/built-web.ts";
import { openDashboard } from "../support/dashboard-page.ts";
import { type MemoryService, openMemoryService } from "../support/memory-service.ts";

setDefaultTimeout(30_000);

let service: MemoryService;
let browser: Browser;

beforeAll(async () => {
  service = openMemoryService({ web: await builtWeb() });
  await addOneOfEachState(service.queue);
  browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await browser.close();
  await service[Symbol.asyncDispose]();
});

async function addOneOfEachState(queue: MemoryQueue): Promise<void> {
  const add = (id: string) => queue.add({ id, kind: "merge", input: null });
  const claim = async (id: string) => {
    await add(id);
    const lease = await queue.claim("host:1:x", ["merge"], 600_000);
    if (lease?.job.id !== id) throw new Error("another job was claimed");
    return lease;
  };
  await queue.complete(await claim("succeeded"), null);
  await queue.fail(await claim("failed"), { code: "invalid", message: "it broke", hint: "mend it" }, null);
  await queue.extend(await claim("running"), 600_000);
  await claim("cancelling");
  await queue.cancel("cancelling");
  await add("cancelled");
  await queue.cancel("cancelled");
  await add("queued");
  await queue.pause("merge", true);
}

for (const scheme of ["light", "dark"] as const) {
  test(`in ${scheme} colours`, async () => {
    const { page } = await openPage(browser);
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    for (const place of ["#/overview", "#/jobs?open=failed", "#/jobs?state=failed", "#/files", "#/keys"]) {
      await openDashboard(page, service.origin, place);
      if (place.startsWith("#/jobs")) await page.locator('tr[data-id="failed"]').waitFor();
      expect({ place, pale: await page.evaluate(paleTexts) }).toEqual({ place, pale: [] });
    }
    await page.context().close();
  });
}

/** Runs in the page. What cannot be seen, or is disabled, is left out. */
function paleTexts(): string[] {
  const numbers = (colour: string) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const rgba = (colour: string) => {
    const [r = 0, g = 0, b = 0, a = 1] = numbers(colour.replace(/^color\(srgb/, ""));
    const scale = colour.startsWith("color(srgb") ? 255 : 1;
    return { rgb: [r * scale, g * scale, b * scale], a };
  };
  const over = (rgb: number[], a: number, below: number[]) =>
    rgb.map((part, i) => part * a + (below[i] ?? 0) * (1 - a));
  const ground = (element: Element | null): number[] => {
    if (!element) return [255, 255, 255];
    const { rgb, a } = rgba(getComputedStyle(element).backgroundColor);
    return a === 1 ? rgb : over(rgb, a, ground(element.parentElement));
  };
  const luminance = (rgb: number[]) => {
    const [r = 0, g = 0, b = 0] = rgb.map((part) =>
      part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found: string[] = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent?.trim();
    if (
      !element ||
      !text ||
      !element.checkVisibility() ||
      element.closest(":disabled, .skip, .visually-hidden")
    ) {
      continue;
    }
    const style = getComputedStyle(element);
    const below = ground(element);
    const { rgb, a } = rgba(style.color);
    const [light, dark] = [luminance(over(rgb, a, below)), luminance(below)].sort((x, y) => y - x);
    const contrast = ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
    const isLarge = Number.parseFloat(style.fontSize) >= 24;
    if (contrast < (isLarge ? 3 : 4.5)) found.push(`${text.slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return found;
}
