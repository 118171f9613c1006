// What the page's pure functions make of numbers, times, keys, bytes and errors.

import { describe, expect, test } from "bun:test";
import { formatAgo, formatAmount, formatBytes, formatDuration } from "../../src/web/format.ts";
import { hexDump } from "../../src/web/hex-dump.ts";
import { readableKey } from "../../src/web/key-text.ts";
import { hrefTo, parsePlace } from "../../src/web/location.ts";
import { faultOf, withQuery } from "../../src/web/requests.ts";

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1536, "1.5 KiB"],
  [52_428_800, "50.0 MiB"],
  [1.4e9, "1.3 GiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, "0 ms"],
  [999, "999 ms"],
  [3600, "3.6 s"],
  [90_000, "1 min 30 s"],
  [3_600_000, "1 h"],
  [90_061_000, "1 d 1 h"],
])("%d ms are %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test("times are told from now, in one unit", () => {
  const now = 1_000_000_000;
  const ago = [2, 59, 61, 7300, 200_000].map((seconds) => formatAgo(now - seconds * 1000, now));
  expect(ago).toEqual(["just now", "59 s ago", "1 min ago", "2 h ago", "2 d ago"]);
  expect(formatAgo(now + 120_000, now)).toBe("in 2 min");
});

test("amounts carry their unit", () => {
  expect([formatAmount(2048, "bytes"), formatAmount(1_234_567, "rows")]).toEqual([
    "2.0 KiB",
    "1,234,567 rows",
  ]);
});

describe("keys", () => {
  test("are shown as text where their bytes are that", () => {
    expect(readableKey("user%3Ah%C3%A4")).toBe("user:hä");
    expect(readableKey("%3Cscript%3E")).toBe("<script>");
  });

  test.each(["%FF%FE", "a%00b", "a%E2%80%AEb", "a%E2%80%8Bb", "%1B%5B31m"])("%s stays encoded", (encoded) => {
    expect(readableKey(encoded)).toBe(encoded);
  });
});

test("a hex dump has an offset, sixteen bytes and what can be printed of them", () => {
  const hex = Buffer.from("Hello, world!\0\x01\xffnext", "latin1").toString("hex");
  expect(hexDump(hex)).toEqual([
    "00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 21 00 01 ff  Hello, world!...",
    "00000010  6e 65 78 74                                       next",
  ]);
  expect(hexDump("")).toEqual([]);
});

describe("places", () => {
  test("are read from links and written into them", () => {
    const link = hrefTo("keys", { prefix: "a&b", open: "%FF", empty: "" });
    expect(link).toBe("#/keys?prefix=a%26b&open=%25FF");
    const { section, params } = parsePlace(link);
    expect([section, params.get("prefix"), params.get("open")]).toEqual(["keys", "a&b", "%FF"]);
  });

  test.each(["", "#", "#/", "#/nowhere", "#<img>"])("%p is the overview", (hash) => {
    expect(parsePlace(hash).section).toBe("overview");
  });
});

test("an empty part of a query is left out", () => {
  expect(withQuery("/api/jobs", { state: "", text: "a b" })).toBe("/api/jobs?text=a+b");
});

describe("errors keep the server's words", () => {
  test.each([
    ['{"error":{"code":"busy","message":"later","hint":"wait"}}', 503, ["busy", "later", "wait"]],
    [
      '{"status":"error","message":"not a CSV","error":"not a CSV name"}',
      400,
      ["invalid", "not a CSV name", undefined],
    ],
    ['{"code":"409","message":"already registered"}', 409, ["invalid", "already registered", undefined]],
    ["<html>bad gateway</html>", 502, ["internal", "The server answered 502.", undefined]],
    ["{broken", 404, ["not-found", "The server answered 404.", undefined]],
  ] as const)("%s", (text, status, expected) => {
    const { code, message, hint } = faultOf(status, text);
    expect([code, message, hint]).toEqual([...expected]);
  });
});
