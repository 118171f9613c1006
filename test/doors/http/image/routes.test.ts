// The image protocol over a real HTTP door.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { sha256 } from "../../../support/bytes.ts";
import {
  openStorageService,
  type StorageService,
  temporaryStorageService,
} from "../../../support/storage-service.ts";
import { temporaryFolder } from "../../../support/temporary.ts";

let service: StorageService;
beforeAll(async () => {
  service = await temporaryStorageService();
});
afterAll(() => service[Symbol.asyncDispose]());

const post = (path: string, body: unknown, type = "application/json", to = service) =>
  fetch(to.origin + path, {
    method: "POST",
    headers: { "content-type": type },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
const register = (image: string, chunkSize: number, to = service) =>
  post(
    "/image",
    { sha256: sha256(image), size: Buffer.byteLength(image), chunk_size: chunkSize },
    undefined,
    to,
  );
const send = (image: string, chunkSize: number, id: number, to = service) => {
  const data = String(Buffer.from(image).subarray(id * chunkSize, (id + 1) * chunkSize));
  const chunk = { id, size: Buffer.byteLength(data), data };
  return post(`/image/${sha256(image)}/chunks`, chunk, undefined, to);
};
const countOf = (image: string, chunkSize: number) => Math.ceil(Buffer.byteLength(image) / chunkSize);
const expectError = async (response: Response, status: number) => {
  expect(response.status).toBe(status);
  const body = (await response.json()) as { code: string; message: string };
  expect(body).toEqual({ code: String(status), message: expect.any(String) });
  return body.message;
};
const ascii = (size: number) =>
  Array.from(crypto.getRandomValues(new Uint8Array(size)), (byte) =>
    String.fromCharCode(32 + (byte % 95)),
  ).join("");

test("takes an image in concurrent chunks in any order, and gives it back whole", async () => {
  const image = ascii(699);
  expect((await register(image, 256)).status).toBe(201);
  await expectError(await fetch(`${service.origin}/image/${sha256(image)}`), 404);
  const answers = await Promise.all([2, 0, 1].map((id) => send(image, 256, id)));
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
  const download = await fetch(`${service.origin}/image/${sha256(image)}`, {
    headers: { accept: "text/plain" },
  });
  expect(download.status).toBe(200);
  expect(download.headers.get("content-type")).toStartWith("text/plain");
  expect(download.headers.get("content-length")).toBe("699");
  expect(await download.text()).toBe(image);
});

test.each([1, 7, 4096])("works at chunk size %d", async (chunkSize) => {
  const image = ascii(97);
  await register(image, chunkSize);
  for (let id = 0; id < countOf(image, chunkSize); id++)
    expect((await send(image, chunkSize, id)).status).toBe(201);
  expect(await (await fetch(`${service.origin}/image/${sha256(image)}`)).text()).toBe(image);
});

test("keeps an image larger than a row of the database, hashed in order and out of order", async () => {
  for (const order of [
    [0, 1, 2, 3],
    [3, 1, 0, 2],
  ]) {
    const image = ascii(200_000);
    await register(image, 65_000);
    for (const id of order) expect((await send(image, 65_000, id)).status).toBe(201);
    expect(sha256(await (await fetch(`${service.origin}/image/${sha256(image)}`)).text())).toBe(
      sha256(image),
    );
  }
});

test("white space, line ends and escapes are content", async () => {
  const image = "  <a & b>\r\n\ttäil 🗻\u0000 \n";
  await register(image, 1000);
  const data = JSON.stringify(image).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
  const body = `{"id":0,"size":${Buffer.byteLength(image)},"data":${data}}`;
  const answer = await post(`/image/${sha256(image)}/chunks`, body, "application/json; charset=utf-8");
  expect(answer.status).toBe(201);
  expect(await (await fetch(`${service.origin}/image/${sha256(image)}`)).text()).toBe(image);
});

test("a page of another origin may download an image, but not register one", async () => {
  const headers = { origin: "https://elsewhere.example", "sec-fetch-site": "cross-site" };
  const missing = await fetch(`${service.origin}/image/${sha256("nothing")}`, { headers });
  expect([missing.status, missing.headers.get("access-control-allow-origin")]).toEqual([404, "*"]);
  const body = JSON.stringify({ sha256: sha256("x"), size: 1, chunk_size: 1 });
  const json = { ...headers, "content-type": "application/json" };
  expect((await fetch(`${service.origin}/image`, { method: "POST", headers: json, body })).status).toBe(403);
});

test("an empty image is complete at once", async () => {
  expect((await register("", 256)).status).toBe(201);
  expect(await (await fetch(`${service.origin}/image/${sha256("")}`)).text()).toBe("");
});

test("a registered image is 409, also in capitals and when complete", async () => {
  const image = ascii(50);
  await register(image, 50);
  await expectError(await register(image, 50), 409);
  await send(image, 50, 0);
  const capitals = { sha256: sha256(image).toUpperCase(), size: 50, chunk_size: 50 };
  await expectError(await post("/image", capitals), 409);
});

test("of identical chunks at once exactly one is 201", async () => {
  for (const size of [200, 100_000]) {
    const image = ascii(size);
    await register(image, size / 2);
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(image, size / 2, 0)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, ...Array(9).fill(409)]);
    await send(image, size / 2, 1);
    await expectError(await send(image, size / 2, 1), 409);
    expect(await (await fetch(`${service.origin}/image/${sha256(image)}`)).text()).toBe(image);
  }
});

test("a wrong SHA-256 fails with both digests, and the image can be registered again", async () => {
  const image = ascii(30);
  await register(image, 15);
  await send(image, 15, 0);
  const bad = await post(`/image/${sha256(image)}/chunks`, { id: 1, size: 15, data: "x".repeat(15) });
  const message = await expectError(bad, 400);
  expect(message).toContain(sha256(image));
  expect(message).toContain(sha256(image.slice(0, 15) + "x".repeat(15)));
  await expectError(await fetch(`${service.origin}/image/${sha256(image)}`), 404);
  await expectError(await send(image, 15, 1), 404);
  expect((await register(image, 30)).status).toBe(201);
  expect((await send(image, 30, 0)).status).toBe(201);
  expect(await (await fetch(`${service.origin}/image/${sha256(image)}`)).text()).toBe(image);
});

test("an image whose file was deleted can be registered again", async () => {
  const image = ascii(30);
  await register(image, 30);
  await send(image, 30, 0);
  const upload = await service.uploads.get(`image:${sha256(image)}`);
  await service.files.remove(upload?.fileId ?? "");
  await expectError(await fetch(`${service.origin}/image/${sha256(image)}`), 404);
  expect((await register(image, 30)).status).toBe(201);
  expect((await send(image, 30, 0)).status).toBe(201);
  expect(await (await fetch(`${service.origin}/image/${sha256(image)}`)).text()).toBe(image);
});

test("malformed registrations are 400, another type 415, and nothing is registered", async () => {
  const good = { sha256: "ab".repeat(32), size: 10, chunk_size: 5 };
  const bad: unknown[] = [
    ...["", "{", "null", "[]", '"x"', {}, { ...good, sha256: "ab" }, { ...good, sha256: "g".repeat(64) }],
    ...[
      { ...good, size: -1 },
      { ...good, size: 1.5 },
      { ...good, size: "10" },
      { ...good, size: 2 ** 53 },
    ],
    ...[
      { ...good, chunk_size: 0 },
      { ...good, chunk_size: -5 },
      { ...good, chunk_size: null },
    ],
    { ...good, sha256: `../../${"a".repeat(58)}` },
  ];
  for (const body of bad) await expectError(await post("/image", body), 400);
  await expectError(await post("/image", good, "text/plain"), 415);
  await expectError(await post("/image", good, "application/jsonp"), 415);
  expect(await service.uploads.get(`image:${good.sha256}`)).toBeUndefined();
});

test("malformed chunks are 400 and change nothing", async () => {
  const image = ascii(25);
  await register(image, 10);
  const path = `/image/${sha256(image)}/chunks`;
  const ten = image.slice(0, 10);
  const bad: unknown[] = [
    ...["{", {}, { id: 0, size: 10 }, { id: "0", size: 10, data: ten }, { id: -1, size: 10, data: ten }],
    ...[
      { id: 3, size: 5, data: "12345" },
      { id: 2 ** 60, size: 10, data: ten },
      { id: 0.5, size: 10, data: ten },
    ],
    ...[
      { id: 0, size: 9, data: ten },
      { id: 0, size: 9, data: ten.slice(1) },
      { id: 2, size: 10, data: ten },
    ],
    ...[
      { id: 0, size: 11, data: `${ten}x` },
      { id: 0, size: 10, data: `1234567\uffff8` },
      { id: 0, size: 10, data: 1 },
    ],
    `{"id":0,"size":10,"data":"1234567\\ud800"}`,
  ];
  for (const body of bad) await expectError(await post(path, body), 400);
  await expectError(await post(path, { id: 0, size: 10, data: ten }, "text/json"), 415);
  expect((await service.uploads.get(`image:${sha256(image)}`))?.coverage).toEqual([]);
  await expectError(await post(`/image/${"0".repeat(64)}/chunks`, { id: 0, size: 10, data: ten }), 404);
  await expectError(await post("/image/..%2f..%2fetc/chunks", { id: 0, size: 10, data: ten }), 404);
});

test("300 images at once", async () => {
  const images = Array.from({ length: 300 }, (_, i) => `${i} ${ascii(200)}`);
  await Promise.all(
    images.map(async (image) => {
      await register(image, 64);
      await Promise.all(Array.from({ length: countOf(image, 64) }, (_, id) => send(image, 64, id)));
      expect(await (await fetch(`${service.origin}/image/${sha256(image)}`)).text()).toBe(image);
    }),
  );
  expect(service.errors).toEqual([]);
});

test("survives a restart half-way: the remaining chunks complete it", async () => {
  await using folder = await temporaryFolder();
  const images = [ascii(100), ascii(150_000)];
  {
    await using before = await openStorageService(folder.path);
    for (const image of images) {
      await register(image, image.length / 4, before);
      for (const id of [0, 2]) expect((await send(image, image.length / 4, id, before)).status).toBe(201);
    }
  }
  await using after = await openStorageService(folder.path);
  for (const image of images) {
    await expectError(await send(image, image.length / 4, 0, after), 409);
    for (const id of [1, 3]) expect((await send(image, image.length / 4, id, after)).status).toBe(201);
    expect(await (await fetch(`${after.origin}/image/${sha256(image)}`)).text()).toBe(image);
  }
});
