// A page with scripts of the test's choice, of an origin of its own: what it asks of a server is asked across origins.

import type { Browser, Page } from "playwright-core";
import { openPage } from "./browser.ts";

export interface ScriptPages extends AsyncDisposable {
  /** Opens the page in a fresh context, which has stored nothing. */
  open(browser: Browser): Promise<ScriptPage>;
}

export interface ScriptPage {
  readonly page: Page;
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

export interface Scripts {
  /** The body; it loads its scripts from `/<name>`. */
  readonly html: string;
  /** Name → JavaScript. */
  readonly scripts: Readonly<Record<string, string>>;
}

/** A server of its own: a page whose requests the test's driver intercepts would be many times slower. */
export function serveScripts({ html, scripts }: Scripts): ScriptPages {
  const text = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">${html}`;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const name = new URL(request.url).pathname.slice(1);
      if (name === "") return new Response(text, { headers: { "content-type": "text/html" } });
      const script = scripts[name];
      if (script === undefined) return new Response(null, { status: 404 });
      return new Response(script, { headers: { "content-type": "text/javascript" } });
    },
  });
  return {
    async open(browser) {
      const { page, complaints } = await openPage(browser);
      await page.goto(`http://127.0.0.1:${server.port}/`);
      return { page, complaints, close: () => page.context().close() };
    },
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
}
