// The IETF's resumable uploads on /uploads: created whole or in pieces, asked for, continued, refused.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { sha256 } from "../../../support/bytes.ts";
import { type StorageService, temporaryStorageService } from "../../../support/storage-service.ts";
import { base64 } from "../../../support/tus.ts";

let service: StorageService;
const bytes = crypto.getRandomValues(new Uint8Array(200_000));
const DRAFT = { "upload-draft-interop-version": "8" };
const APPEND = { ...DRAFT, "content-type": "application/partial-upload" };

beforeAll(async () => {
  service = await temporaryStorageService();
});
afterAll(() => service[Symbol.asyncDispose]());

const create = (headers: Record<string, string>, body?: BodyInit) =>
  fetch(`${service.origin}/uploads`, {
    method: "POST",
    headers: { ...DRAFT, ...headers },
    body: body ?? null,
  });
const append = (url: string, headers: Record<string, string>, body: BodyInit) =>
  fetch(url, { method: "PATCH", headers: { ...APPEND, ...headers }, body });
const urlOf = (response: Response) => service.origin + response.headers.get("location");
const stateOf = (response: Response) => [
  response.status,
  response.headers.get("upload-offset"),
  response.headers.get("upload-complete"),
];

test("a whole file in one request, with its name, type and digest", async () => {
  const created = await create(
    {
      "upload-complete": "?1",
      "content-type": "text/csv",
      "content-disposition": "attachment; filename=\"x\"; filename*=UTF-8''%C3%BC.csv",
      "repr-digest": `sha-256=:${base64(Buffer.from(sha256(bytes), "hex"))}:`,
    },
    bytes,
  );
  expect(stateOf(created)).toEqual([201, "200000", "?1"]);
  const file = await fetch(urlOf(created));
  expect(file.headers.get("content-type")).toBe("text/csv");
  expect(file.headers.get("content-disposition")).toContain("%C3%BC.csv");
  expect(sha256(await file.bytes())).toBe(sha256(bytes));
});

test("in pieces whose end is told with the last", async () => {
  const created = await create({ "upload-complete": "?0" }, bytes.slice(0, 50_000));
  expect(stateOf(created)).toEqual([201, "50000", "?0"]);
  const url = urlOf(created);
  expect(
    stateOf(
      await append(url, { "upload-offset": "50000", "upload-complete": "?0" }, bytes.slice(50_000, 60_000)),
    ),
  ).toEqual([204, "60000", "?0"]);
  const head = await fetch(url, { method: "HEAD" });
  expect(stateOf(head)).toEqual([204, "60000", "?0"]);
  expect(head.headers.get("cache-control")).toBe("no-store");
  const wrong = await append(url, { "upload-offset": "1", "upload-complete": "?1" }, bytes.slice(1));
  expect(wrong.headers.get("content-type")).toBe("application/problem+json");
  expect([wrong.status, await wrong.json()]).toEqual([
    409,
    {
      type: "https://iana.org/assignments/http-problem-types#mismatching-upload-offset",
      title: "the upload stands at offset 60000, not at 1",
      "expected-offset": 60_000,
      "provided-offset": 1,
    },
  ]);
  const last = await append(url, { "upload-offset": "60000", "upload-complete": "?1" }, bytes.slice(60_000));
  expect(stateOf(last)).toEqual([204, "200000", "?1"]);
  expect(sha256(await (await fetch(url)).bytes())).toBe(sha256(bytes));
  expect(stateOf(await fetch(url, { method: "HEAD" }))).toEqual([204, "200000", "?1"]);
});

test("a body of unknown length ends the upload too", async () => {
  const stream = new Blob([bytes]).stream();
  const created = await create({ "upload-complete": "?1" }, stream);
  expect(stateOf(created)).toEqual([201, "200000", "?1"]);
});

test("refuses what is malformed, and lets an upload be ended", async () => {
  expect((await create({ "upload-complete": "yes" })).status).toBe(400);
  expect((await create({})).status).toBe(400);
  expect((await create({ "upload-complete": "?0", "upload-length": "-3" })).status).toBe(400);
  const url = urlOf(await create({ "upload-complete": "?0" }, "abc"));
  const typed = { "content-type": "text/plain", "upload-offset": "3", "upload-complete": "?1" };
  expect((await append(url, typed, "d")).status).toBe(415);
  expect((await append(url, { "upload-complete": "?1" }, "d")).status).toBe(400);
  expect((await fetch(url, { method: "DELETE" })).status).toBe(204);
  expect((await fetch(url, { method: "HEAD" })).status).toBe(404);
});
