// Large values over HTTP: previews, whole downloads and ranges, read as the client takes them.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SqliteKv } from "../../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../../src/domain/kv/rules.ts";
import { keyRoutes } from "../../../src/doors/http/keys/routes.ts";
import { type HttpDoor, openHttpDoor } from "../../../src/doors/http/server.ts";
import { spoolTo, storing } from "../../conformance/kv-large.suite.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { storeKey } from "../../support/stored-keys.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary.ts";
import { until } from "../../support/until.ts";

const SIZE = 3_000_000;
const value = Buffer.from(
  Array.from({ length: SIZE / 10 }, (_, i) => String(i).padStart(9, "0"))
    .join(" ")
    .padEnd(SIZE),
);
let folder: TemporaryFolder;
let kv: SqliteKv;
let server: HttpDoor;

beforeAll(async () => {
  folder = await temporaryFolder();
  const rules = createRules({ maxItem: 10_000_000 });
  kv = SqliteKv.open({ path: folder.at("kv.sqlite"), sync: "normal", rules, clock: new ManualClock() });
  const routes = keyRoutes({ kv });
  server = openHttpDoor({ hostname: "127.0.0.1", port: 0, routes, idleTimeout: 10, log: quietLog });
  await spoolTo(kv, value, (spooled) => storing("set", "large", spooled));
  await storeKey(kv, "small", "0123456789");
});
afterAll(async () => {
  await server.stop(true);
  await kv[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const get = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${server.port}${path}`, { ...init, headers });
const openFiles = () => readdirSync("/proc/self/fd").length;

describe("large values over HTTP", () => {
  test("are downloaded whole", async () => {
    const response = await get("/api/value?key=large");
    expect(Buffer.from(await response.arrayBuffer()).equals(value)).toBe(true);
  });

  test.each(["large", "small"])("give one range (%s)", async (key) => {
    const all = key === "large" ? value : Buffer.from("0123456789");
    for (const [range, from, end] of [
      ["bytes=2-5", 2, 6],
      ["bytes=-3", all.length - 3, all.length],
      [`bytes=${all.length - 4}-`, all.length - 4, all.length],
      ["bytes=0-99999999", 0, all.length],
    ] as const) {
      const response = await get(`/api/value?key=${key}`, { range });
      expect(response.status).toBe(206);
      expect(response.headers.get("content-range")).toBe(`bytes ${from}-${end - 1}/${all.length}`);
      expect(Buffer.from(await response.arrayBuffer()).equals(all.subarray(from, end))).toBe(true);
    }
    expect((await get(`/api/value?key=${key}`, { range: `bytes=${all.length}-` })).status).toBe(416);
    expect((await get(`/api/value?key=${key}`, { range: "bytes=0-1,4-5" })).status).toBe(200);
    expect((await get(`/api/value?key=${key}`, { range: "lines=1" })).status).toBe(200);
  });

  test("a range is of the same value only, and an unchanged one is not sent again", async () => {
    const first = await get("/api/value?key=small", { range: "bytes=0-1" });
    const etag = first.headers.get("etag") ?? "";
    expect(await first.text()).toBe("01");
    for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      expect((await get("/api/value?key=small", { "if-none-match": tag })).status).toBe(304);
    }
    expect((await get("/api/value?key=small", { "if-match": '"x"' })).status).toBe(412);
    expect((await get("/api/value?key=small", { range: "bytes=2-3", "if-range": etag })).status).toBe(206);
    await storeKey(kv, "small", "9876543210");
    const changed = await get("/api/value?key=small", { range: "bytes=2-3", "if-range": etag });
    expect([changed.status, await changed.text()]).toEqual([200, "9876543210"]);
    await storeKey(kv, "small", "0123456789");
  });

  test("are previewed by their beginning", async () => {
    const shown = await (await get("/api/value/preview?key=large")).json();
    expect(shown).toMatchObject({ size: SIZE, encoding: "text", truncated: true });
    expect(shown.preview).toBe(value.toString("latin1", 0, 16_384));
  });

  test("a download that is broken off, or asks for nothing, leaves no file open", async () => {
    const before = openFiles();
    for (let i = 0; i < 5; i++) {
      const broken = new AbortController();
      const response = await get("/api/value?key=large", {}, { signal: broken.signal });
      await response.body?.getReader().read();
      broken.abort();
      await get("/api/value?key=large", { range: `bytes=${SIZE}-` });
      await get("/api/value?key=large", {}, { method: "HEAD" });
    }
    await until("all files are closed", () => openFiles() <= before);
  });

  test("one whose file is gone is a clear error", async () => {
    await spoolTo(kv, "x".repeat(2_000_000), (spooled) => storing("set", "lost", spooled));
    const values = `${folder.at("kv.sqlite")}-values`;
    const names = readdirSync(values).filter((name) => !name.startsWith("."));
    const last = names.find((name) => Bun.file(join(values, name)).size === 2_000_000) ?? "";
    rmSync(join(values, last));
    const response = await get("/api/value?key=lost");
    expect([response.status, (await response.json()).error.code]).toEqual([500, "corrupt"]);
  });
});
