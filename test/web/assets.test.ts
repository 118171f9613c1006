// The built dashboard and how it is served: names, encodings, caching, headers.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { buildWeb } from "../../scripts/build-web.ts";
import { dashboardRoutes } from "../../src/doors/http/dashboard/routes.ts";
import { findWebFiles } from "../../src/doors/http/dashboard/web-files.ts";
import { type HttpDoor, openHttpDoor } from "../../src/doors/http/server.ts";
import { builtWeb } from "../support/built-web.ts";
import { quietLog } from "../support/quiet-log.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";

let folder: TemporaryFolder;
let server: HttpDoor;
let origin: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  const routes = dashboardRoutes({ files: findWebFiles(await builtWeb()) });
  server = openHttpDoor({ hostname: "127.0.0.1", port: 0, routes, idleTimeout: 10, log: quietLog });
  origin = `http://127.0.0.1:${server.port}`;
}, 30_000);
afterAll(async () => {
  await server.stop(true);
  await folder[Symbol.asyncDispose]();
});

const script = async () => /src="(\/assets\/[^"]+\.js)"/.exec(await (await fetch(origin)).text())?.[1] ?? "";

describe("the build", () => {
  test("holds React's production build, no zod, and stays below 170 kB as browsers get it", async () => {
    const response = await fetch(origin + (await script()), { headers: { "accept-encoding": "identity" } });
    const text = await response.text();
    expect(text).not.toContain("react-dom-client.development");
    expect(text).not.toContain("ZodError");
    const brotli = await fetch(origin + (await script()), {
      headers: { "accept-encoding": "br" },
      decompress: false,
    });
    expect((await brotli.bytes()).length).toBeLessThan(170_000);
  });

  test("asks nothing of other hosts, and has no inline script", async () => {
    const page = await (await fetch(origin)).text();
    expect(page).not.toMatch(/(src|href)="https?:/);
    expect(page).not.toMatch(/<script(?![^>]*\bsrc=)/);
  });

  test("replaces an earlier build without a rest", async () => {
    await Bun.write(folder.at("web", "assets", "stale.js"), "1");
    await buildWeb(folder.at("web"));
    const names = await readdir(folder.at("web", "assets"));
    // The same sources give the same names.
    expect(names.sort()).toEqual((await readdir(join(await builtWeb(), "assets"))).sort());
  }, 30_000);
});

describe("serving", () => {
  test("the page is asked for anew each time, and answered 304 when it is the same", async () => {
    const first = await fetch(origin);
    expect(first.headers.get("cache-control")).toBe("no-cache");
    expect(first.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const etag = first.headers.get("etag") ?? "";
    const again = await fetch(origin, { headers: { "if-none-match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    expect((await fetch(origin, { headers: { "if-none-match": '"other"' } })).status).toBe(200);
  });

  test("an asset may be kept for ever", async () => {
    const response = await fetch(origin + (await script()));
    expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(response.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
  });

  test.each([
    ["br, gzip", "br"],
    ["gzip, deflate", "gzip"],
    ["GZIP;q=0.5", "gzip"],
    ["br;q=0, gzip", "gzip"],
    ["identity", null],
    ["br;q=0.0", null],
  ])("Accept-Encoding: %s is answered with %s", async (accepted, expected) => {
    const path = await script();
    const response = await fetch(origin + path, { headers: { "accept-encoding": accepted } });
    expect(response.headers.get("content-encoding")).toBe(expected);
    expect(response.headers.get("vary")).toBe("Accept-Encoding");
    const plain = await (await fetch(origin + path, { headers: { "accept-encoding": "identity" } })).text();
    expect(await response.text()).toBe(plain);
  });

  test("every answer forbids frames, sniffing and scripts that are not ours", async () => {
    const { headers } = await fetch(origin);
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'self'");
    expect(policy).not.toContain("script-src");
    expect(policy).not.toContain("unsafe-eval");
  });

  test("a link on another site may open the page", async () => {
    expect((await fetch(origin, { headers: { "sec-fetch-site": "cross-site" } })).status).toBe(200);
  });

  test.each([
    "/assets/..%2findex.html",
    "/assets/../../package.json",
    "/assets/",
    "/assets/x.js.br",
    "/index.html",
  ])("there is nothing at %s", async (path) => {
    expect((await fetch(origin + path)).status).toBe(404);
  });

  test("without a build the page says how to make one", async () => {
    const routes = dashboardRoutes({ files: findWebFiles(folder.at("missing")) });
    await using bare = openHttpDoor({
      hostname: "127.0.0.1",
      port: 0,
      routes,
      idleTimeout: 10,
      log: quietLog,
    });
    const response = await fetch(`http://127.0.0.1:${bare.port}/`);
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("npm run build")]);
  });
});
