// The routes for keys: pages, previews, downloads and deletion, for keys and values of any bytes.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MemoryKv } from "../../../src/adapters/memory/kv.ts";
import { createRules } from "../../../src/domain/kv/rules.ts";
import { keyRoutes } from "../../../src/doors/http/keys/routes.ts";
import { type HttpDoor, openHttpDoor } from "../../../src/doors/http/server.ts";
import { KeyPage, KeyPreview } from "../../../src/wire/api.ts";
import { decodeKey, encodeKey } from "../../../src/wire/key-codec.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { storeKey, storeMany } from "../../support/stored-keys.ts";

const kv = new MemoryKv({ rules: createRules(), clock: new ManualClock() });
let server: HttpDoor;

beforeAll(async () => {
  server = openHttpDoor({
    hostname: "127.0.0.1",
    port: 0,
    routes: keyRoutes({ kv }),
    idleTimeout: 10,
    log: quietLog,
  });
  await storeMany(kv, "page:", 2500);
  await storeKey(kv, "greeting", "hällo\nwörld", 7);
});
afterAll(() => server.stop(true));

const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${server.port}${path}`, init);
const page = async (query: string) => KeyPage.parse(await (await get(`/api/keys?${query}`)).json());
const preview = async (key: string) =>
  KeyPreview.parse(await (await get(`/api/value/preview?key=${encodeKey(key)}`)).json());

describe("GET /api/keys", () => {
  test("pages through all keys of a prefix, in byte order, each exactly once", async () => {
    const seen: string[] = [];
    let after = "";
    do {
      const { keys, next } = await page(`prefix=page%3A&limit=700&after=${after}`);
      seen.push(...keys.map((entry) => decodeKey(entry.key)));
      after = next ?? "";
    } while (after !== "");
    expect(seen).toEqual(
      Array.from({ length: 2500 }, (_, index) => `page:${String(index).padStart(4, "0")}`),
    );
  });

  test("shows no values", async () => {
    const text = await (await get("/api/keys?prefix=greeting")).text();
    expect(text).not.toContain("llo");
    expect(JSON.parse(text).keys[0]).toMatchObject({ key: "greeting", size: 13, flags: 7, expiresAt: null });
  });

  test("has 100 keys when no limit is given, and none with a prefix that nothing has", async () => {
    expect((await page("")).keys.length).toBe(100);
    expect(await page("prefix=nothing")).toEqual({ keys: [], next: null });
  });

  test.each(["0", "1001", "-1", "1.5", "ten", "%00"])("refuses limit=%s", async (limit) => {
    const response = await get(`/api/keys?limit=${limit}`);
    expect(response.status).toBe(400);
    expect((await response.json()).error).toMatchObject({ code: "invalid" });
  });

  test.each(["after=..%2F", "after=%25%25", "prefix=%", "prefix=%zz"])("refuses %s", async (query) => {
    expect((await get(`/api/keys?${query}`)).status).toBe(400);
  });

  test("refuses pages of other sites", async () => {
    expect((await get("/api/keys", { headers: { "sec-fetch-site": "cross-site" } })).status).toBe(403);
  });
});

describe("GET /api/value/preview", () => {
  test("shows text as text", async () => {
    expect(await preview("greeting")).toMatchObject({
      encoding: "text",
      preview: "hällo\nwörld",
      truncated: false,
    });
  });

  test("shows anything else as hexadecimal digits", async () => {
    await storeKey(kv, "binary", new Uint8Array([0, 255, 16, 65]));
    expect(await preview("binary")).toMatchObject({ encoding: "hex", preview: "00ff1041", truncated: false });
    await storeKey(kv, "escape", "\u001b[31mred");
    expect((await preview("escape")).encoding).toBe("hex");
  });

  test("cuts a large text between two characters", async () => {
    await storeKey(kv, "large", `x${"ä".repeat(20_000)}`);
    const { preview: text, size, truncated, encoding } = await preview("large");
    expect({ size, truncated, encoding }).toEqual({ size: 40_001, truncated: true, encoding: "text" });
    expect(text).toBe(`x${"ä".repeat(8191)}`);
  });

  test("cuts large binary values at 4,096 bytes", async () => {
    await storeKey(kv, "noise", new Uint8Array(100_000).fill(200));
    const shown = await preview("noise");
    expect({ digits: shown.preview.length, truncated: shown.truncated }).toEqual({
      digits: 8192,
      truncated: true,
    });
  });

  test("an unfinished character at the true end is not text", async () => {
    await storeKey(kv, "broken", new Uint8Array([65, 0xc3]));
    expect((await preview("broken")).encoding).toBe("hex");
  });

  test("an empty value is empty text", async () => {
    await storeKey(kv, "empty", "");
    expect(await preview("empty")).toMatchObject({ encoding: "text", preview: "", size: 0 });
  });

  test("answers 404 for a key that is not there, and 400 without one", async () => {
    const missing = await get("/api/value/preview?key=no%2Fsuch");
    expect([missing.status, (await missing.json()).error.message]).toEqual([
      404,
      "there is no key no%2Fsuch",
    ]);
    expect((await get("/api/value/preview")).status).toBe(400);
    expect((await get("/api/value/preview?key=")).status).toBe(400);
  });
});

describe("GET /api/value", () => {
  test("is a download that no browser takes for a page", async () => {
    await storeKey(kv, '<b>"../x', "<script>alert(1)</script>");
    const response = await get(`/api/value?key=${encodeKey('<b>"../x')}`);
    expect(await response.text()).toBe("<script>alert(1)</script>");
    expect(response.headers.get("content-type")).toBe("application/octet-stream");
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="_b__.._x"');
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("gives the bytes of any value under any key", async () => {
    const keys = fc
      .uint8Array({ minLength: 1, maxLength: 250 })
      .map((bytes) => Buffer.from(bytes).toString("latin1"));
    await fc.assert(
      fc.asyncProperty(keys, fc.uint8Array({ maxLength: 300 }), async (key, value) => {
        await storeKey(kv, key, value);
        const response = await get(`/api/value?key=${encodeKey(key)}`);
        expect(await response.bytes()).toEqual(value);
        const listed = await page(`prefix=${encodeKey(key)}&limit=1`);
        expect(listed.keys[0]?.key).toBe(encodeKey(key));
        expect((await get(`/api/value?key=${encodeKey(key)}`, { method: "DELETE" })).status).toBe(204);
      }),
      { numRuns: 60 },
    );
  });
});

describe("DELETE /api/value", () => {
  test("deletes the key, and only that one", async () => {
    await storeKey(kv, "old", "1");
    await storeKey(kv, "older", "2");
    expect((await get("/api/value?key=old", { method: "DELETE" })).status).toBe(204);
    expect((await page("prefix=old")).keys.map((entry) => entry.key)).toEqual(["older"]);
    expect((await get("/api/value?key=old", { method: "DELETE" })).status).toBe(404);
  });

  test("refuses pages of other sites", async () => {
    const headers = { "sec-fetch-site": "cross-site" };
    expect((await get("/api/value?key=older", { method: "DELETE", headers })).status).toBe(403);
    expect((await get("/api/value?key=older")).status).toBe(200);
  });
});

describe("the encoding of keys", () => {
  test("leaves unreserved characters and names every other byte", () => {
    expect(encodeKey("a-Z_0.~/ %\u00ff")).toBe("a-Z_0.~%2F%20%25%FF");
    expect(decodeKey("a+b%2f%FFä")).toBe("a+b/\u00ff\u00c3\u00a4");
  });

  test("a % without two digits is refused", () => {
    for (const text of ["%", "%1", "%g1", "a%"])
      expect(() => decodeKey(text)).toThrow("two hexadecimal digits");
  });
});
