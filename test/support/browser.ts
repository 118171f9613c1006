// A real Chromium without a window, and a page in it that reports what goes wrong in it.

import { type Browser, chromium, type HTTPCredentials, type Page } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Debian's chromium, or the program that CHROMIUM names. Fails with the command that installs it. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  try {
    return await chromium.launch({ executablePath, headless: true, args: FLAGS });
  } catch (cause) {
    throw new Error(`cannot start ${executablePath}; install it: apt-get install -y chromium`, { cause });
  }
}

export interface WatchedPage {
  readonly page: Page;
  /** Uncaught errors, and messages of level error (a refused script is one). A test expects it to stay empty. */
  readonly complaints: readonly string[];
}

export async function openPage(
  browser: Browser,
  options: { width?: number; height?: number; httpCredentials?: HTTPCredentials } = {},
): Promise<WatchedPage> {
  const { width = 1280, height = 900, ...rest } = options;
  const context = await browser.newContext({ viewport: { width, height }, acceptDownloads: true, ...rest });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.setDefaultTimeout(10_000);
  return { page, complaints };
}
