// The connection is cut when the server has taken the last byte and answers, before the client reads a byte of it: what the retry finds.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { type BadNetwork, badNetwork } from "../support/bad-network.ts";
import { sha256 } from "../support/bytes.ts";
import { dropzoneChunk, jsonPost, type RawUpload, requestBytes, sendUpload } from "../support/raw-upload.ts";
import { rawExchange, type StorageService, temporaryStorageService } from "../support/storage-service.ts";
import { base64, TUS, TUS_BODY, TusCaller } from "../support/tus.ts";

let service: StorageService;
let network: BadNetwork;
beforeEach(async () => {
  service = await temporaryStorageService();
  network = await badNetwork(service.origin);
});
afterEach(async () => {
  expect(service.errors).toEqual([]);
  await network[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

const bytes = crypto.getRandomValues(new Uint8Array(60_000));
const half = bytes.length / 2;

/** Sends it over a connection that is cut at the first byte that comes back. */
async function sendAndLoseAnswer(upload: RawUpload): Promise<void> {
  const request = requestBytes(upload);
  const sent = network.sent;
  network.cutAfter(request.length);
  expect(await rawExchange(Number(new URL(network.origin).port), request)).toBe("");
  network.cutAfter(undefined);
  expect(network.sent - sent).toBe(request.length);
  expect(network.received).toBeGreaterThan(0);
}

const send = (upload: RawUpload) => sendUpload(service.origin, upload);
/** The digests of all files there are. */
const digests = async () =>
  (await service.files.page({ limit: 100 })).records.map((file) => file.sha256).toSorted();
const blobs = async () => (await Array.fromAsync(service.stores.blobs.list())).length;
const digestAt = async (path: string) =>
  sha256(await (await fetch(new URL(path, service.origin).href)).bytes());

test("tus PATCH: HEAD says that all is there, and a blind repetition is refused", async () => {
  const tus = new TusCaller(service.origin);
  const url = await tus.create(bytes.length);
  const path = new URL(url).pathname;
  const part = (offset: number): RawUpload => ({
    ...{ method: "PATCH", path, headers: { ...TUS_BODY, "upload-offset": String(offset) } },
    body: bytes.slice(offset, offset + half),
  });
  for (const offset of [0, half]) {
    await sendAndLoseAnswer(part(offset));
    expect(await tus.offset(url)).toBe(offset + half);
    expect((await send(part(offset))).status).toBe(409);
    expect(await tus.offset(url)).toBe(offset + half);
  }
  expect(await digestAt(url)).toBe(sha256(bytes));
  expect(await digests()).toEqual([sha256(bytes)]);
});

test("tus creation with upload: the lost one is whole, the repeated one too, their bytes are kept once", async () => {
  const headers = { ...TUS_BODY, "upload-length": String(bytes.length) };
  const creation = { method: "POST", path: "/uploads", headers, body: bytes };
  await sendAndLoseAnswer(creation);
  expect(await digests()).toEqual([sha256(bytes)]);
  const again = await send(creation);
  expect([again.status, again.headers.get("upload-offset")]).toEqual([201, String(bytes.length)]);
  expect(await digestAt(again.headers.get("location") ?? "")).toBe(sha256(bytes));
  expect(await digests()).toEqual([sha256(bytes), sha256(bytes)]);
  expect(await blobs()).toBe(1);
});

test("tus concatenation: the repeated request names the same file", async () => {
  const tus = new TusCaller(service.origin);
  const parts = await Promise.all([0, half].map(() => tus.create(half, { "upload-concat": "partial" })));
  for (const [i, url] of parts.entries()) await tus.patch(url, 0, bytes.slice(i * half, (i + 1) * half));
  const paths = parts.map((url) => new URL(url).pathname).join(" ");
  const headers = { ...TUS, "upload-concat": `final;${paths}`, "upload-metadata": `filename ${base64("a")}` };
  const join = { method: "POST", path: "/uploads", headers, body: new Uint8Array(0) };
  await sendAndLoseAnswer(join);
  const again = await send(join);
  expect(again.status).toBe(201);
  expect(await digestAt(again.headers.get("location") ?? "")).toBe(sha256(bytes));
  expect(await digests()).toEqual([sha256(bytes)]);
});

test("tus DELETE: the repeated one finds nothing", async () => {
  const url = await new TusCaller(service.origin).create(10);
  const end = { method: "DELETE", path: new URL(url).pathname, headers: TUS, body: new Uint8Array(0) };
  await sendAndLoseAnswer(end);
  expect((await send(end)).status).toBeOneOf([404, 410]);
  expect(await Array.fromAsync(service.stores.staging.list())).toEqual([]);
});

test("Dropzone: the last chunk again is answered with the same job, of which there is one", async () => {
  const dzuuid = crypto.randomUUID();
  const chunk = (offset: number) => dropzoneChunk(dzuuid, bytes, offset, half);
  await sendAndLoseAnswer(await chunk(0));
  expect((await send(await chunk(0))).status).toBe(200);
  const last = await chunk(half);
  await sendAndLoseAnswer(last);
  expect(service.jobs.size).toBe(1);
  const [job] = service.jobs.keys();
  for (let round = 0; round < 2; round++) {
    const again = await send(last);
    expect([again.status, await again.json()]).toMatchObject([200, { job_id: job }]);
  }
  expect(service.jobs.size).toBe(1);
  expect(await digests()).toEqual([sha256(bytes)]);
});

test("image: registration and chunks again are 409, and the image is there", async () => {
  const image = "ascii art\n".repeat(100);
  const chunk = (id: number) =>
    jsonPost(`/image/${sha256(image)}/chunks`, {
      id,
      size: 500,
      data: image.slice(id * 500, (id + 1) * 500),
    });
  const registration = jsonPost("/image", { sha256: sha256(image), size: 1000, chunk_size: 500 });
  for (const request of [registration, chunk(1), chunk(0)]) {
    await sendAndLoseAnswer(request);
    expect((await send(request)).status).toBe(409);
  }
  expect(await digestAt(`/image/${sha256(image)}`)).toBe(sha256(image));
  expect(await digests()).toEqual([sha256(image)]);
});

test("PUT: both files are whole, and their bytes are kept once", async () => {
  const put = { method: "PUT", path: "/files/a.bin", headers: {}, body: bytes };
  await sendAndLoseAnswer(put);
  expect(await digests()).toEqual([sha256(bytes)]);
  const again = await send(put);
  expect(again.status).toBe(201);
  expect(await digestAt(again.headers.get("location") ?? "")).toBe(sha256(bytes));
  expect(await digests()).toEqual([sha256(bytes), sha256(bytes)]);
  expect(await blobs()).toBe(1);
});
