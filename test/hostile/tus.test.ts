// Hostile clients of /uploads: ids that are paths, lengths that lie, bodies that trickle, end early, or never end.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { openStorageService, rawExchange, type StorageService } from "../support/storage-service.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { base64, TusCaller } from "../support/tus.ts";
import { until } from "../support/until.ts";

let folder: TemporaryFolder;
let service: StorageService;
let tus: TusCaller;
beforeAll(async () => {
  folder = await temporaryFolder();
  service = await openStorageService(folder.at(), { limits: { maxSize: 10_000_000 } });
  tus = new TusCaller(service.origin);
});
afterAll(async () => {
  expect(service.errors).toEqual([]);
  await service[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const NAMES = [
  ...["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e", "..", "a%00b", "%ff%fe", "%", "%zz"],
  ...["x".repeat(10_000), "\\..\\x", "'; DROP TABLE uploads; --", "%0d%0aX-Evil:1", "put:a", "image:b"],
];
const HEAD = "Host: x\r\nConnection: close\r\nTus-Resumable: 1.0.0\r\n";
const BODY = "Content-Type: application/offset+octet-stream\r\n";

test.each(["HEAD", "GET", "DELETE", "PATCH"])("%s with a hostile id finds nothing", async (method) => {
  for (const name of NAMES) {
    const line = `${method} /uploads/${name.replaceAll(" ", "%20")}`;
    const body = method === "PATCH" ? `${BODY}Upload-Offset: 0\r\nContent-Length: 1\r\n\r\nx` : "\r\n";
    const answer = await rawExchange(service.port, `${line} HTTP/1.1\r\n${HEAD}${body}`);
    expect(`${line.slice(0, 60)} → ${answer.slice(0, 12)}`).toMatch(/→ HTTP\/1.1 (404|400|405|414|431)/);
    expect(answer).not.toContain("X-Evil:1\r\n");
  }
});

test("parts that are paths, foreign URLs or the upload itself are refused", async () => {
  const image = await service.uploads.begin({
    id: "image:x",
    protocol: "image",
    name: "x",
    mediaType: "text/plain",
    size: 1,
  });
  for (const part of [
    "../../x",
    "http://elsewhere.example/uploads/a",
    "/uploads/image:x",
    image.upload.staging,
    "%2e%2e",
  ]) {
    expect((await tus.post({ "upload-concat": `final;${part}` })).status).toBe(404);
  }
});

test("metadata names are never paths, nor break out of a header", async () => {
  const name = 'a"\\;b c.txt';
  const type = "text/html\r\nX-Evil: 1";
  const url = await tus.create(1, {
    "upload-metadata": `filename ${base64(`../../${name}`)},filetype ${base64(type)}`,
  });
  await tus.patch(url, 0, "x");
  const answer = await fetch(url);
  expect(answer.headers.get("x-evil")).toBeNull();
  expect(answer.headers.get("content-type")).toBe("application/octet-stream");
  expect(answer.headers.get("content-disposition")).toStartWith("attachment; ");
});

test("lengths that lie: more bytes than declared, fewer, and none at all", async () => {
  const url = await tus.create(10);
  const path = new URL(url).pathname;
  const more = `PATCH ${path} HTTP/1.1\r\n${HEAD}${BODY}Upload-Offset: 0\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n`;
  expect(await rawExchange(service.port, more)).toStartWith("HTTP/1.1 413");
  expect(await tus.offset(url)).toBe(0);
  for (const length of ["-1", "9007199254740993", "99999999999999999999", "1e3", "abc"]) {
    const lying = `PATCH ${path} HTTP/1.1\r\n${HEAD}${BODY}Upload-Offset: 0\r\nContent-Length: ${length}\r\n\r\nhello`;
    expect((await rawExchange(service.port, lying)).slice(0, 12)).toMatch(/^$|HTTP\/1.1 (400|413)/);
  }
  expect(await tus.offset(url)).toBe(0);
  expect((await tus.post({ "upload-length": "10000001" })).status).toBe(413);
  const fewer = await open(path, 10, "hello");
  fewer.end();
  await until("the half-closed request is over", () => !service.uploads.isUsed(idOf(url)));
  const offset = await tus.offset(url);
  expect((await tus.patch(url, offset, "helloworld".slice(offset))).status).toBe(204);
  expect(await (await fetch(url)).text()).toBe("helloworld");
});

test("an endless body of unknown length ends at the limit", async () => {
  const created = await tus.post({ "upload-defer-length": "1" });
  const url = service.origin + created.headers.get("location");
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1_000_000)),
  });
  const answer = await tus.patch(url, 0, endless).then(
    ({ status }) => status,
    () => "cut",
  );
  expect([413, "cut"]).toContain(answer);
  expect(await tus.offset(url)).toBeLessThanOrEqual(10_000_000);
});

test("a sender of single bytes is served, and costs the others nothing", async () => {
  const url = await tus.create(200);
  const text = "abcdefghij".repeat(20);
  const socket = await open(new URL(url).pathname, 200, "");
  for (const byte of text) await new Promise((resolve) => socket.write(byte, resolve));
  const answer = await new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data))));
  expect(answer).toStartWith("HTTP/1.1 204");
  expect(await (await fetch(url)).text()).toBe(text);
});

test("of a sender of one byte a second, what came is acknowledged while it goes on", async () => {
  const url = await tus.create(100_000);
  const socket = await open(new URL(url).pathname, 100_000, "");
  let sent = 0;
  const listed = async () => (await service.uploads.get(idOf(url)))?.coverage.at(-1)?.[1] ?? 0;
  for (const goal of [1, 10]) {
    await until(`${goal} bytes are listed`, async () => {
      socket.write("abcdefghij"[sent++ % 10] as string);
      await service.clock.advance(1_000);
      return (await listed()) >= goal;
    });
    expect(service.uploads.isUsed(idOf(url))).toBe(true);
  }
  const known = await listed();
  socket.resetAndDestroy();
  await until("it is over", () => !service.uploads.isUsed(idOf(url)));
  const offset = await tus.offset(url);
  expect(offset).toBeGreaterThanOrEqual(known);
  expect(offset).toBeLessThanOrEqual(sent);
  const rest = "abcdefghij".repeat(10_000).slice(offset);
  expect((await tus.patch(url, offset, rest)).status).toBe(204);
  expect(await (await fetch(url)).text()).toBe("abcdefghij".repeat(10_000));
});

test("a hundred stalled senders do not stop another", async () => {
  const urls = await Promise.all(Array.from({ length: 100 }, () => tus.create(100_000)));
  const stalled = await Promise.all(
    urls.map((url) => open(new URL(url).pathname, 100_000, "x".repeat(1000))),
  );
  await until("all are served", () => urls.every((url) => service.uploads.isUsed(idOf(url))));
  const url = await tus.create(5);
  expect((await tus.patch(url, 0, "hello")).status).toBe(204);
  for (const socket of stalled) socket.resetAndDestroy();
  await until("all are over", () => urls.every((url) => !service.uploads.isUsed(idOf(url))));
});

test("nothing a caller named has become a path", async () => {
  const names = [
    "blobs",
    "records.sqlite",
    "records.sqlite-shm",
    "records.sqlite-wal",
    "records.sqlite.lock",
    "staging",
    "temporary",
  ];
  expect((await readdir(folder.at())).toSorted()).toEqual(names);
});

const idOf = (url: string) => `tus:${url.slice(url.lastIndexOf("/") + 1)}`;

/** A PATCH at offset 0 that has sent `piece`. */
async function open(path: string, length: number, piece: string): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: service.port });
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.on("error", () => socket.destroy());
  socket.write(
    `PATCH ${path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\n${BODY}Upload-Offset: 0\r\nContent-Length: ${length}\r\n\r\n${piece}`,
  );
  return socket;
}
