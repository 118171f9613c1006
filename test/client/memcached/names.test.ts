// Every name has a key of its own that every server takes.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chunkKey, isManifestKey, manifestKey, newVersion } from "../../../src/client/memcached/names.ts";
import { readSettings } from "../../../src/client/memcached/settings.ts";
import { isPlainKey } from "../../../src/wire/memcached/client-requests.ts";

describe("names", () => {
  test("plain ones stay readable, others are hashed", () => {
    expect(manifestKey("cairn", "backups/monday.tar")).toBe("cairn:file:backups/monday.tar");
    expect(manifestKey("cairn", "a b")).toMatch(/^cairn:file#[0-9a-f]{64}$/);
    expect(manifestKey("cairn", "x".repeat(239))).toHaveLength(250);
    expect(manifestKey("cairn", "x".repeat(240))).toMatch(/^cairn:file#/);
  });

  test("any name makes a key, and different names different keys", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (a, b) => {
        const key = manifestKey("p", a);
        expect(isPlainKey(key) && isManifestKey("p", key)).toBe(true);
        if (a !== b) expect(manifestKey("p", b)).not.toBe(key);
      }),
    );
    expect(isPlainKey(chunkKey("x".repeat(100), newVersion(), "99999999"))).toBe(true);
  });

  test.each(["", "\ud800", "x".repeat(65_537)])("%#: refused", (name) => {
    expect(() => manifestKey("cairn", name)).toThrow("cannot be the name of a file");
  });
});

describe("options", () => {
  test.each([
    [{ servers: [] }, "no memcached server"],
    [{ servers: ["a b"] }, '"a b" is not the address'],
    [{ servers: ["a:99999"] }, '"a:99999" is not the address'],
    [{ servers: ["a"], chunkSize: 0 }, "chunkSize"],
    [{ servers: ["a"], maxSize: 1.5 }, "maxSize"],
    [{ servers: ["a"], idleTimeout: Number.NaN }, "idleTimeout"],
    [{ servers: ["a"], prefix: "a b" }, '"a b" cannot be the prefix'],
  ])("%j is refused", (options, message) => {
    expect(() => readSettings(options)).toThrow(message);
  });

  test.each(["localhost", "127.0.0.1:1", "[::1]:11211", "::1"])("%s is an address", (address) => {
    expect(readSettings({ servers: [address] }).servers.all).toHaveLength(1);
  });
});
