// What a caller may hand to `store`: every shape of bytes is stored as it is, and what is none is refused before anything is sent.

import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { openLargeFiles, type Source, type StoreOptions } from "../../../src/client/memcached/index.ts";
import { failureOf } from "../../support/failure.ts";
import { keysOn } from "../../support/memcached-keys.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";
import { run } from "../../support/processes.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const bytes = randomBytes(50_002);
const ownMemory = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;

function sharedBytes(): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

describe("sources", () => {
  test.each<[string, () => unknown]>([
    ["an ArrayBuffer", () => ownMemory],
    ["a Uint8Array in shared memory", sharedBytes],
    ["numbers of two bytes", () => new Uint16Array(ownMemory)],
    ["a DataView", () => new DataView(ownMemory)],
    ["a Blob", () => new Blob([bytes])],
    ["a Node stream with empty pieces", () => Readable.from([bytes.subarray(0, 0), bytes])],
    ["an array of pieces", () => [bytes.subarray(0, 9_999), bytes.subarray(9_999)]],
  ])("%s is stored byte by byte", async (_, source) => {
    await using server = await MemcachedServer.start();
    await using files = await openLargeFiles({ servers: [server.address], chunkSize: 10_000 });
    await files.store("f", source() as Source);
    expect(await (await files.retrieve("f")).bytes()).toEqual(new Uint8Array(bytes));
  });

  test("what the system makes up as it is read is stored, although it has no size", async () => {
    await using server = await MemcachedServer.start();
    await using files = await openLargeFiles({ servers: [server.address] });
    await files.store("f", "/proc/version");
    expect(await (await files.retrieve("f")).bytes()).toEqual(
      new Uint8Array(await readFile("/proc/version")),
    );
  });

  test("a named pipe that nobody opens keeps no store from being aborted", async () => {
    await using folder = await temporaryFolder();
    await run(["mkfifo", folder.at("pipe")]);
    await using files = await openLargeFiles({ servers: ["127.0.0.1:1"] });
    const controller = new AbortController();
    const failure = failureOf(files.store("f", folder.at("pipe"), { signal: controller.signal }));
    controller.abort(new Error("enough"));
    expect(await failure).toMatchObject({ message: "enough" });
    // The thread that still opens it can end.
    const other = await open(folder.at("pipe"), constants.O_RDWR | constants.O_NONBLOCK);
    await other.close();
  });

  test.each<[string, unknown]>([
    ["a number", 5],
    ["null", null],
    ["undefined", undefined],
    ["a promise", Promise.resolve(bytes)],
    ["an array of numbers", [1, 2, 3]],
    ["a stream of text", Readable.from(["text"])],
  ])("%s is refused, and nothing is sent", async (_, source) => {
    await using server = await MemcachedServer.start();
    await using files = await openLargeFiles({ servers: [server.address] });
    expect(await failureOf(files.store("f", source as Source))).toMatchObject({ code: "invalid" });
    expect(await keysOn(server.address)).toEqual([]);
  });

  test("a Node stream that fails before it is read fails the store, not the process", async () => {
    await using server = await MemcachedServer.start();
    await using files = await openLargeFiles({ servers: [server.address] });
    const source = createReadStream("/this/file/is/not/there");
    const error = new Promise((resolve) => process.once("uncaughtException", resolve));
    const stored = failureOf(files.store("f", source));
    const first = await Promise.race([stored, error]);
    expect(first).toMatchObject({ code: "ENOENT" });
    expect(await stored).toBe(first as Error);
    process.removeAllListeners("uncaughtException");
  });

  test.each<[string, object]>([
    ["ttl", { ttl: 0 }],
    ["ttl", { ttl: Number.NaN }],
    ["ttl", { ttl: Number.POSITIVE_INFINITY }],
    ["ttl", { ttl: 1e15 }],
    ["size", { size: -1 }],
    ["parity", { parity: 17 }],
    ["replace", { replace: "remove" }],
    ["compress", { compress: "gzip" }],
  ])("a wrong option %s is refused: %j", async (option, options) => {
    await using files = await openLargeFiles({ servers: ["127.0.0.1:1"] });
    const fault = await failureOf(files.store("f", bytes, options as StoreOptions));
    expect(fault).toMatchObject({ code: "invalid", message: expect.stringContaining(option) });
  });

  test("a name that is no text is refused", async () => {
    await using files = await openLargeFiles({ servers: ["127.0.0.1:1"] });
    expect(await failureOf(files.store(5 as unknown as string, bytes))).toMatchObject({ code: "invalid" });
  });
});
