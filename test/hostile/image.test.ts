// Hostile clients of the image and files routes: names that are paths, bodies over the limit, broken connections.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { sha256 } from "../support/bytes.ts";
import { openStorageService, rawExchange, type StorageService } from "../support/storage-service.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";

const LIMIT = 10_000;
let folder: TemporaryFolder;
let service: StorageService;
beforeAll(async () => {
  folder = await temporaryFolder();
  service = await openStorageService(folder.at(), { chunkLimit: LIMIT });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const NAMES = [
  ...[
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fx",
    "%2e%2e",
    "..",
    "a%00b",
    "%00",
    "%ff%fe",
  ],
  ...["x".repeat(10_000), "%", "%zz", "a/../b", "\\..\\..\\x", "'; DROP TABLE uploads; --", "%0d%0aX-Evil:1"],
];

test.each([
  ...["GET /image/@", "GET /files/@", "GET /api/files/@", "GET /api/uploads/@", "DELETE /api/files/@"],
  ...["DELETE /api/uploads/@", "GET /api/file_status/@", "GET /api/download_file/@"],
])("%s with a hostile name is 404 or 400, never an error of ours", async (route) => {
  for (const name of NAMES) {
    const line = route.replace("@", name.replaceAll(" ", "%20"));
    const answer = await rawExchange(
      service.port,
      `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(`${line.slice(0, 60)} → ${answer.slice(0, 12)}`).toMatch(/→ HTTP\/1.1 (404|400|405|414|431)/);
    expect(answer).not.toContain("X-Evil:1\r\n");
  }
  expect(service.errors).toEqual([]);
});

test("chunks for a hostile image name are 404", async () => {
  for (const name of NAMES) {
    const body = '{"id":0,"size":1,"data":"x"}';
    const head = `POST /image/${name.replaceAll(" ", "%20")}/chunks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`;
    const rest = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    expect(await rawExchange(service.port, head + rest)).toMatch(/^HTTP\/1.1 (404|400|414|431)/);
  }
});

test("a body over the limit is 413 before it is read, declared or not", async () => {
  const path = `/image/${sha256("x")}/chunks`;
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
  const declared = `${head}Content-Length: 5000000000\r\n\r\n{"id":0,`;
  expect(await rawExchange(service.port, declared)).toStartWith("HTTP/1.1 413");
  const piece = `${(LIMIT + 1).toString(16)}\r\n${"x".repeat(LIMIT + 1)}\r\n`;
  expect(await rawExchange(service.port, `${head}Transfer-Encoding: chunked\r\n\r\n${piece}`)).toStartWith(
    "HTTP/1.1 413",
  );
});

test("a body that ends early, and one that is not UTF-8, change nothing", async () => {
  const image = "0123456789";
  const headers = { "content-type": "application/json" };
  const registration = JSON.stringify({ sha256: sha256(image), size: 10, chunk_size: 10 });
  await fetch(`${service.origin}/image`, { method: "POST", headers, body: registration });
  const path = `/image/${sha256(image)}/chunks`;
  const body = Buffer.from('{"id":0,"size":10,"data":"01234567\xff9"}', "latin1");
  expect((await fetch(service.origin + path, { method: "POST", headers, body })).status).toBe(400);
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n`;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: service.port,
    socket: { data: () => undefined },
  });
  socket.write(`${head}{"id":0,"size":10,"da`);
  socket.terminate();
  expect((await service.uploads.get(`image:${sha256(image)}`))?.coverage).toEqual([]);
  const chunk = JSON.stringify({ id: 0, size: 10, data: image });
  expect((await fetch(service.origin + path, { method: "POST", headers, body: chunk })).status).toBe(201);
  expect(await (await fetch(`${service.origin}/image/${sha256(image)}`)).text()).toBe(image);
  expect(service.errors).toEqual([]);
});

test("deeply nested and duplicated JSON is answered, not fatal", async () => {
  const headers = { "content-type": "application/json" };
  const send = async (body: string) =>
    (await fetch(`${service.origin}/image`, { method: "POST", headers, body })).status;
  expect(await send("[".repeat(500_000))).toBe(400);
  expect(await send(`{"__proto__":{"sha256":"${"a".repeat(64)}"},"size":1,"chunk_size":1}`)).toBe(400);
  expect(await send(`{"sha256":1,"sha256":"x","size":1,"chunk_size":1}`)).toBe(400);
});

test("nothing a caller named has become a path", async () => {
  expect((await readdir(folder.at())).toSorted()).toEqual(
    [
      "blobs",
      "records.sqlite",
      "records.sqlite.lock",
      "records.sqlite-shm",
      "records.sqlite-wal",
      "staging",
      "temporary",
    ].toSorted(),
  );
});
