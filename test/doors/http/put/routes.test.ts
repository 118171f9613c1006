// PUT /files/<name>, by fetch, by curl, and by clients that go away.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import { sha256 } from "../../../support/bytes.ts";
import { run } from "../../../support/processes.ts";
import { type StorageService, temporaryStorageService } from "../../../support/storage-service.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../support/temporary.ts";
import { base64 } from "../../../support/tus.ts";
import { until } from "../../../support/until.ts";

let service: StorageService;
let folder: TemporaryFolder;
const bytes = crypto.getRandomValues(new Uint8Array(3_000_000));
beforeAll(async () => {
  service = await temporaryStorageService();
  folder = await temporaryFolder();
  await Bun.write(folder.at("ü file.bin"), bytes);
});
afterAll(async () => {
  expect(service.errors).toEqual([]);
  await service[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const digest = (content: Uint8Array | string) => `sha-256=:${base64(Buffer.from(sha256(content), "hex"))}:`;
const put = (name: string, body: BodyInit, headers: Record<string, string> = {}) =>
  fetch(`${service.origin}/files/${name}`, { method: "PUT", headers, body });
const uploadsLeft = async () =>
  (await service.uploads.page({ limit: 1000, state: "arriving" })).records.length;

test("stores the body, and says where", async () => {
  const answer = await put("a%20b.csv", "x,y\n", {
    "content-type": "text/csv",
    "repr-digest": digest("x,y\n"),
  });
  expect(answer.status).toBe(201);
  expect(await answer.json()).toMatchObject({
    name: "a b.csv",
    size: 4,
    sha256: sha256("x,y\n"),
    mediaType: "text/csv",
  });
  expect(answer.headers.get("repr-digest")).toBe(digest("x,y\n"));
  const file = await fetch(service.origin + answer.headers.get("location"));
  expect(await file.text()).toBe("x,y\n");
  expect((await put("empty", "")).status).toBe(201);
});

test("curl -T: of known length, which asks whether to continue, and of unknown", async () => {
  const path = folder.at("ü file.bin");
  const write = ["-s", "-w", "\n%{http_code}"];
  const known = await run([
    "curl",
    ...write,
    "-H",
    "Expect: 100-continue",
    "-T",
    path,
    `${service.origin}/files/`,
  ]);
  const [body = "", status] = known.stdout.split("\n");
  expect(status).toBe("201");
  expect(JSON.parse(body)).toMatchObject({ name: "ü file.bin", sha256: sha256(bytes) });
  const piped = await run(["sh", "-c", `curl -s -T - ${service.origin}/files/piped < "$1"`, "sh", path]);
  expect(JSON.parse(piped.stdout)).toMatchObject({ name: "piped", size: 3_000_000, sha256: sha256(bytes) });
});

test("bytes that differ from their digest, and malformed requests, leave nothing", async () => {
  const before = (await service.files.page({ limit: 1000 })).records.length;
  const wrong = await put("a", "hello", { "content-digest": digest("other") });
  expect(wrong.status).toBe(400);
  const { error } = (await wrong.json()) as { error: { code: string; message: string } };
  expect(error.code).toBe("mismatch");
  expect(error.message).toContain(sha256("hello"));
  expect(error.message).toContain(sha256("other"));
  expect((await put("a", "x", { "repr-digest": digest("x"), "content-digest": digest("y") })).status).toBe(
    400,
  );
  expect((await put("a", "x", { "content-digest": "sha-256=nonsense" })).status).toBe(400);
  expect((await put("a%00b", "x")).status).toBe(400);
  expect((await put("a", "x", { "content-range": "bytes 0-0/2" })).status).toBe(400);
  expect((await service.files.page({ limit: 1000 })).records.length).toBe(before);
  expect((await service.uploads.page({ limit: 1000, state: "failed" })).records).toEqual([]);
});

test("a client that goes away leaves nothing", async () => {
  const socket = connect({ host: "127.0.0.1", port: service.port });
  socket.write(`PUT /files/broken HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n`);
  socket.write(bytes.slice(0, 100_000));
  await until("the upload has begun", async () => (await uploadsLeft()) === 1);
  socket.resetAndDestroy();
  await until("the upload is discarded", async () => (await uploadsLeft()) === 0);
  expect(await Array.fromAsync(service.stores.staging.list())).toEqual([]);
});
