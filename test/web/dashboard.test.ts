// The dashboard in a real browser: keys open and close, hostile ones stay text, 100,000 of them can be paged.

import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright-core";
import { MemoryKv } from "../../src/adapters/memory/kv.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { dashboardRoutes } from "../../src/doors/http/dashboard/routes.ts";
import { findWebFiles } from "../../src/doors/http/dashboard/web-files.ts";
import { keyRoutes } from "../../src/doors/http/keys/routes.ts";
import { type HttpDoor, openHttpDoor } from "../../src/doors/http/server.ts";
import { serviceRoutes } from "../../src/doors/http/service/routes.ts";
import type { Status } from "../../src/wire/api.ts";
import { launchBrowser, openPage } from "../support/browser.ts";
import { builtWeb } from "../support/built-web.ts";
import { keyRow, openDashboard, shownValue, toggleKey } from "../support/dashboard-page.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { quietLog } from "../support/quiet-log.ts";
import { storeKey, storeMany } from "../support/stored-keys.ts";

setDefaultTimeout(30_000);

const HOSTILE_KEY = '<img/src=x/onerror="document.title=1">';
const HOSTILE_VALUE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";

const kv = new MemoryKv({ rules: createRules(), clock: new ManualClock() });
let server: HttpDoor;
let browser: Browser;
let origin: string;
/** What a test wants the server to say of its workers. */
let workers: Pick<Status, "workers" | "workersFailing"> = { workers: 0 };

beforeAll(async () => {
  await storeMany(kv, "item:", 100_000);
  await storeKey(kv, HOSTILE_KEY, HOSTILE_VALUE);
  await storeKey(kv, "greeting", "hällo wörld");
  await storeKey(kv, "binary", new Uint8Array([0, 1, 2, 255]));
  await storeKey(kv, "large", "0123456789".repeat(5000));
  const routes = [
    ...dashboardRoutes({ files: findWebFiles(await builtWeb()) }),
    ...keyRoutes({ kv }),
    ...serviceRoutes(
      {
        version: "1.2.3",
        status,
        workers: async () => [],
        metrics: async () => ({ text: "", contentType: "text/plain" }),
      },
      [],
    ),
  ];
  server = openHttpDoor({ hostname: "127.0.0.1", port: 0, routes, idleTimeout: 30, log: quietLog });
  origin = `http://127.0.0.1:${server.port}`;
  browser = await launchBrowser();
}, 60_000);
beforeEach(() => {
  workers = { workers: 0 };
});
afterAll(async () => {
  await browser.close();
  await server.stop(true);
});

async function status(): Promise<Status> {
  const jobs = { queued: 3, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
  const { items } = await kv.stats();
  return {
    version: "1.2.3",
    uptime: 1000,
    sync: "full",
    keys: items,
    jobs,
    ...workers,
    disk: { free: 4e9, total: 9e9 },
  };
}

describe("keys", () => {
  test("hide their values until they are opened, and again when they are closed", async () => {
    const { page, complaints } = await openPage(browser);
    await openDashboard(page, origin, "#/keys");
    await keyRow(page, "greeting").waitFor();
    expect(await page.content()).not.toContain("hällo");
    await toggleKey(page, "greeting");
    expect(await shownValue(page)).toBe("hällo wörld");
    expect(page.url()).toContain("open=greeting");
    await toggleKey(page, "greeting");
    await page.locator('section[aria-label="Value"]').waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("open by keyboard", async () => {
    const { page } = await openPage(browser);
    await openDashboard(page, origin, "#/keys");
    await keyRow(page, "greeting").focus();
    await page.keyboard.press("Enter");
    expect(await shownValue(page)).toBe("hällo wörld");
    await page.context().close();
  });

  test("and values that look like markup are shown as text and run nothing", async () => {
    const { page, complaints } = await openPage(browser);
    await openDashboard(page, origin, `#/keys?prefix=${encodeURIComponent("<img")}`);
    await toggleKey(page, HOSTILE_KEY);
    expect(await shownValue(page)).toBe(HOSTILE_VALUE);
    expect(await keyRow(page, HOSTILE_KEY).locator(".key-name").textContent()).toBe(HOSTILE_KEY);
    expect(await page.locator("main img, main script").count()).toBe(0);
    expect(await page.title()).toBe("Keys · Cairn");
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("show binary values as a hex dump, and cut large ones with a link to all of it", async () => {
    const { page } = await openPage(browser);
    await openDashboard(page, origin, "#/keys?open=binary");
    expect(await shownValue(page)).toBe("00000000  00 01 02 ff                                       ....");
    await openDashboard(page, origin, "#/keys?prefix=large&open=large");
    expect((await shownValue(page)).length).toBe(16_384);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Download value" }).click(),
    ]);
    expect((await Bun.file(await download.path()).bytes()).length).toBe(50_000);
    await page.context().close();
  });

  test("are deleted only after a question", async () => {
    await storeKey(kv, "victim", "1");
    const { page } = await openPage(browser);
    await openDashboard(page, origin, "#/keys?prefix=victim&open=victim");
    await page.getByRole("button", { name: "Delete" }).click();
    expect(await kv.read("victim")).toBeDefined();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("No key begins with").waitFor();
    expect(await kv.read("victim")).toBeUndefined();
    await page.context().close();
  });
});

describe("100,000 keys", () => {
  test("are found by their prefix, and only rows in view are in the page", async () => {
    const { page } = await openPage(browser);
    await openDashboard(page, origin, "#/keys");
    await page.getByLabel("Only keys that begin with").fill("item:9999");
    await keyRow(page, "item:99999").waitFor();
    expect(await page.locator(".key-row").count()).toBe(10);
    expect(page.url()).toContain("prefix=item%3A9999");
    await page.getByLabel("Only keys that begin with").fill("item:");
    await keyRow(page, "item:00000").waitFor();
    expect(await page.locator(".key-row").count()).toBeLessThan(60);
    await page.context().close();
  });

  test("are linked to, also beyond the first page", async () => {
    const { page } = await openPage(browser);
    await openDashboard(page, origin, "#/keys?open=item%253A99999");
    expect(await shownValue(page)).toBe("99999");
    await toggleKey(page, "item:99999");
    await keyRow(page, "item:99999").waitFor({ state: "detached" });
    await openDashboard(page, origin, "#/keys?open=nothing");
    await page.getByText("there is no key nothing").waitFor();
    await page.context().close();
  });

  test("are loaded page by page while the reader scrolls", async () => {
    const { page } = await openPage(browser);
    await openDashboard(page, origin, "#/keys?prefix=item");
    await keyRow(page, "item:00000").waitFor();
    const height = () => page.evaluate(() => document.documentElement.scrollHeight);
    for (let round = 0; round < 4; round++) {
      const before = await height();
      await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
      await page.waitForFunction((old) => document.documentElement.scrollHeight > old, before);
    }
    expect(await page.locator(".key-row").count()).toBeLessThan(60);
    await page.context().close();
  });
});

describe("the frame", () => {
  test("warns loudly when jobs wait and no worker is alive", async () => {
    const { page } = await openPage(browser);
    await openDashboard(page, origin);
    await page.getByRole("alert").filter({ hasText: "3 jobs wait, and no worker is alive" }).waitFor();
    await page.context().close();
  });

  test("tells that workers do not live, and how they end, until one lives", async () => {
    workers = { workers: 0, workersFailing: "was killed by SIGKILL" };
    const { page } = await openPage(browser);
    await openDashboard(page, origin);
    const failing = page.getByRole("alert").filter({ hasText: "Worker processes do not live" });
    await failing.filter({ hasText: "the last one was killed by SIGKILL" }).waitFor();
    const tile = page.locator(".tile", { hasText: "Workers" });
    await tile.locator("strong.bad", { hasText: /^0$/ }).waitFor();
    workers = { workers: 2 };
    await page.getByRole("alert").first().waitFor({ state: "detached" });
    await tile.locator("strong:not(.bad)", { hasText: /^2$/ }).waitFor();
    await page.context().close();
  });

  test("shows the server's own words when a request fails", async () => {
    const { page } = await openPage(browser);
    await openDashboard(page, origin, "#/files");
    await page.getByText("there is nothing at /api/files").waitFor();
    await page.context().close();
  });

  test("does not overflow a narrow window", async () => {
    const { page } = await openPage(browser, { width: 360, height: 700 });
    await openDashboard(page, origin, "#/keys?open=binary");
    await shownValue(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    await page.context().close();
  });
});
