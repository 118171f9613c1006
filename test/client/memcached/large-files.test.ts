// Large files against a stock memcached: every size and source, names, limits, listing and removing.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import {
  AlreadyExists,
  type Fault,
  type LargeFiles,
  NotFound,
  openLargeFiles,
  type StoredFile,
  TooLarge,
} from "../../../src/client/memcached/index.ts";
import { deleteItem, keysOn } from "../../support/memcached-keys.ts";
import { withItemLimit } from "../../support/memcached-proxy.ts";
import { memcachedRequest } from "../../support/memcached-request.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const LIMIT = 52_428_800;
const CHUNK = 1_000;
let server: MemcachedServer;
let files: LargeFiles;

beforeAll(async () => {
  server = await MemcachedServer.start(["-m", "256"]);
  files = await openLargeFiles({ servers: [server.address], chunkSize: CHUNK });
});
afterAll(async () => {
  await files.close();
  await server[Symbol.asyncDispose]();
});

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe("store and retrieve", () => {
  test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 10 * CHUNK, 700 * CHUNK + 7])("%i bytes", async (size) => {
    const bytes = randomBytes(size);
    const name = `size-${size}`;
    const stored = await files.store(name, bytes);
    const retrieval = await files.retrieve(name);
    expect(Buffer.compare(await retrieval.bytes(), bytes)).toBe(0);
    expect(stored).toMatchObject({
      name,
      size,
      chunkSize: CHUNK,
      chunks: Math.ceil(size / CHUNK),
      replaced: null,
    });
    expect(stored.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(await files.stat(name)).toEqual(retrieval.file);
    expect(await files.verify(name)).toEqual({ ...retrieval.file, rebuilt: [] });
    await files.remove(name);
    expect(await keysOn(server.address)).toEqual([]);
  });

  test("52,428,800 bytes with the default chunks, whole and in 103 pieces", async () => {
    const bytes = randomBytes(LIMIT);
    await using large = await openLargeFiles({ servers: [server.address] });
    const seen: number[] = [];
    const stored = await large.store("limit", bytes, { onProgress: ({ done }) => seen.push(done) });
    expect(stored.chunks).toBe(103);
    expect(seen).toHaveLength(103);
    expect(seen.at(-1)).toBe(LIMIT);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    const hash = createHash("sha256");
    for await (const chunk of await large.retrieve("limit")) hash.update(chunk);
    expect(hash.digest("hex")).toBe(createHash("sha256").update(bytes).digest("hex"));
    await large.remove("limit");
  });

  test("every kind of source", async () => {
    await using folder = await temporaryFolder();
    const bytes = randomBytes(25_321);
    const path = folder.at("source");
    await writeFile(path, bytes);
    const sources = {
      path,
      url: new URL(`file://${path}`),
      buffer: bytes,
      arrayBuffer: new Uint8Array(bytes).buffer,
      blob: new Blob([bytes]),
      web: new Blob([bytes]).stream(),
      node: createReadStream(path, { highWaterMark: 777 }),
      readable: Readable.from(pieces(bytes, 333)),
      generator: pieces(bytes, 1_001),
      iterable: [bytes.subarray(0, 1), new Uint8Array(0), bytes.subarray(1)],
    };
    for (const [kind, source] of Object.entries(sources)) {
      await files.store(kind, source);
      expect(Buffer.compare(await (await files.retrieve(kind)).bytes(), bytes)).toBe(0);
      await files.remove(kind);
    }
  });

  test("as a web stream, and again by iterating twice", async () => {
    const bytes = randomBytes(12_345);
    await files.store("shapes", bytes);
    const retrieval = await files.retrieve("shapes");
    expect(Buffer.from(await new Response(retrieval.stream()).arrayBuffer()).equals(bytes)).toBe(true);
    expect(Buffer.concat(await all(retrieval)).equals(bytes)).toBe(true);
    expect(Buffer.concat(await all(retrieval)).equals(bytes)).toBe(true);
    await files.remove("shapes");
  });

  test("with reused memory the pieces are right when they come, and bytes() and stream() are not touched", async () => {
    const bytes = randomBytes(2_000 * CHUNK + 1);
    await files.store("reuse", bytes);
    const retrieval = await files.retrieve("reuse", { reuse: true });
    let at = 0;
    for await (const piece of retrieval) {
      expect(Buffer.compare(piece, bytes.subarray(at, at + piece.length))).toBe(0);
      at += piece.length;
    }
    expect(at).toBe(bytes.length);
    expect(Buffer.compare(await retrieval.bytes(), bytes)).toBe(0);
    expect(Buffer.from(await new Response(retrieval.stream()).arrayBuffer()).equals(bytes)).toBe(true);
    await files.remove("reuse");
  });

  test("many at once over one connection", async () => {
    const stored = Array.from({ length: 20 }, (_, i) => randomBytes(i * 3_333));
    await Promise.all(stored.map((bytes, i) => files.store(`many-${i}`, bytes)));
    const back = await Promise.all(stored.map(async (_, i) => (await files.retrieve(`many-${i}`)).bytes()));
    for (const [i, bytes] of stored.entries()) expect(Buffer.compare(bytes, back[i]!)).toBe(0);
    await Promise.all(stored.map((_, i) => files.remove(`many-${i}`)));
    expect(await keysOn(server.address)).toEqual([]);
  });
});

describe("names", () => {
  test.each(["../../etc/passwd", "a b\r\nflush_all\r\n", "ünï/日本", "x".repeat(10_000), "\u0000", "#"])(
    "%#: any text is a name",
    async (name) => {
      await files.store(name, Buffer.from(name));
      expect(Buffer.from(await (await files.retrieve(name)).bytes()).toString()).toBe(name);
      expect((await all(files.list())).map((file: StoredFile) => file.name)).toEqual([name]);
      await files.remove(name);
    },
  );

  test("unknown ones are NotFound everywhere", async () => {
    for (const method of ["retrieve", "stat", "verify", "remove"] as const) {
      const fault: unknown = await files[method]("no").catch((error: unknown) => error);
      expect(fault).toBeInstanceOf(NotFound);
      expect((fault as Fault).code).toBe("not-found");
    }
  });

  test("a prefix separates files", async () => {
    await using other = await openLargeFiles({ servers: [server.address], prefix: "other" });
    await other.store("mine", Buffer.from("x"));
    expect(await all(files.list())).toEqual([]);
    expect(await files.stat("mine").catch((error: unknown) => error)).toBeInstanceOf(NotFound);
    await other.remove("mine");
  });
});

describe("limits", () => {
  test("a known size over the limit is refused before anything is sent", async () => {
    await using folder = await temporaryFolder();
    const path = folder.at("large");
    const file = await open(path, "w");
    await file.truncate(LIMIT + 1);
    await file.close();
    // Nothing listens there: had it tried to connect, it would say so.
    await using unreachable = await openLargeFiles({ servers: ["127.0.0.1:1"] });
    const fault = await unreachable.store("large", path).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(TooLarge);
    expect((fault as TooLarge).message).toContain("52428801 bytes; the limit is 52428800");
    const early = unreachable.store("large", pieces(randomBytes(1), 1), { size: LIMIT + 1 });
    expect(await early.catch((error: unknown) => error)).toBeInstanceOf(TooLarge);
  });

  test("an unknown size is refused as soon as it is over, and nothing stays", async () => {
    await using small = await openLargeFiles({ servers: [server.address], chunkSize: 100, maxSize: 5_000 });
    await small.store("exact", pieces(randomBytes(5_000), 64));
    await small.remove("exact");
    const attempt = small.store("over", pieces(randomBytes(5_001), 64));
    expect(await attempt.catch((error: unknown) => error)).toBeInstanceOf(TooLarge);
    expect(await keysOn(server.address)).toEqual([]);
  });

  test("a source with other bytes than announced is a conflict, and nothing stays", async () => {
    for (const size of [9_999, 10_001]) {
      const attempt = files.store("lies", pieces(randomBytes(10_000), 999), { size });
      await expect(attempt).rejects.toMatchObject({ code: "conflict" });
      await attempt.catch(() => undefined);
      expect(await keysOn(server.address)).toEqual([]);
    }
  });

  test("chunks that no item holds are refused; the largest that fits is taken", async () => {
    await using wide = await openLargeFiles({ servers: [server.address], chunkSize: 1_048_576 });
    const refusal = await wide
      .store("a", randomBytes(1))
      .then(() => new Error("stored"))
      .catch((error: Fault) => error);
    expect(refusal).toMatchObject({ code: "invalid" });
    const most = Number(/values of (\d+) bytes/.exec(refusal.message)?.[1]);
    expect(most).toBeGreaterThan(1_048_576 - 59 - 70);
    await using exact = await openLargeFiles({ servers: [server.address], chunkSize: most });
    const bytes = randomBytes(3 * most + 1);
    expect((await exact.store("a", bytes)).chunks).toBe(4);
    expect(Buffer.compare(await (await exact.retrieve("a")).bytes(), bytes)).toBe(0);
    await exact.remove("a");
    await using over = await openLargeFiles({ servers: [server.address], chunkSize: most + 1 });
    await expect(over.store("a", bytes)).rejects.toMatchObject({ code: "invalid" });
  });

  test("a manifest that outgrows an item is split, and read, listed and removed like any other", async () => {
    await using tight = await withItemLimit(server.address, 4_096);
    await using small = await openLargeFiles({ servers: [tight.address], chunkSize: 50 });
    const bytes = randomBytes(50_001);
    const stored = await small.store("a", bytes);
    expect(stored.chunks).toBe(1_001);
    const parts = (await keysOn(server.address)).filter((key) => /:m\d+$/.test(key));
    expect(parts).toEqual([0, 1, 2, 3, 4].map((i) => `cairn:chunk:${stored.version}:m${i}`));
    expect(Buffer.compare(await (await small.retrieve("a")).bytes(), bytes)).toBe(0);
    expect((await all(small.list())).map(({ size }) => size)).toEqual([50_001]);
    await deleteItem(server.address, parts[1] ?? "");
    await expect(small.retrieve("a")).rejects.toThrow("part 1 of 5 of its manifest is gone");
    expect((await small.store("a", bytes, { replace: true })).replaced).toBe("incomplete");
    await small.remove("a");
    // Nobody knows any more which chunks the damaged version had.
    expect((await keysOn(server.address)).every((key) => key.includes(stored.version))).toBe(true);
    await memcachedRequest(server.address, "flush_all\r\n");
    await expect(small.store(`${"ü".repeat(20)}${"\u0001".repeat(600)}`, bytes)).rejects.toBeInstanceOf(
      TooLarge,
    );
  });

  test("a larger item limit of the server takes larger chunks", async () => {
    await using roomy = await MemcachedServer.start(["-I", "4m"]);
    await using large = await openLargeFiles({ servers: [roomy.address], chunkSize: 4_000_000 });
    const bytes = randomBytes(9_000_000);
    expect((await large.store("a", bytes)).chunks).toBe(3);
    expect(Buffer.compare(await (await large.retrieve("a")).bytes(), bytes)).toBe(0);
  });

  test("a smaller item limit of the server makes smaller chunks", async () => {
    await using tight = await MemcachedServer.start(["-I", "512k", "-o", "slab_chunk_max=256"]);
    await using large = await openLargeFiles({ servers: [tight.address] });
    const bytes = randomBytes(1_000_000);
    expect((await large.store("a", bytes)).chunkSize).toBe(255_000);
    expect(Buffer.compare(await (await large.retrieve("a")).bytes(), bytes)).toBe(0);
  });

  test("ttl reaches the server, and chunks outlive their manifest", async () => {
    const stored = await files.store("brief", randomBytes(10), { ttl: 90_000 });
    expect(stored.expiresAt).toBe(stored.storedAt + 90_000);
    const left = async (key: string) =>
      Number(/^HD t(\d+)/.exec(await memcachedRequest(server.address, `mg ${key} t\r\n`))?.[1]);
    expect(await left("cairn:file:brief")).toBeWithin(80, 93);
    expect(await left(`cairn:chunk:${stored.version}:0`)).toBeWithin(85, 98);
    await files.remove("brief");
    const later = await files.store("later", randomBytes(10), { ttl: 60 * 86_400_000 });
    expect(await left("cairn:file:later")).toBeWithin(60 * 86_400 - 20, 60 * 86_400 + 5);
    expect(later.expiresAt).toBe(later.storedAt + 60 * 86_400_000);
    await files.remove("later");
  });
});

test("a name that is taken is refused early, without reading the source", async () => {
  await files.store("taken", Buffer.from("first"));
  let read = 0;
  const source = (async function* () {
    read++;
    yield Buffer.from("second");
  })();
  expect(await files.store("taken", source).catch((error: unknown) => error)).toBeInstanceOf(AlreadyExists);
  expect(read).toBe(0);
  expect(Buffer.from(await (await files.retrieve("taken")).bytes()).toString()).toBe("first");
  const second = await files.store("taken", Buffer.from("second"), { replace: true });
  expect(second.replaced).toBe("complete");
  expect(await keysOn(server.address)).toEqual([`cairn:chunk:${second.version}:0`, "cairn:file:taken"]);
  await files.remove("taken");
});
