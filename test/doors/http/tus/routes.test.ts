// tus 1.0 over a real HTTP door: creation, offsets, checksums, expiry, joining, and two writers.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { sha256 } from "../../../support/bytes.ts";
import { type StorageService, temporaryStorageService } from "../../../support/storage-service.ts";
import { base64, TUS, TUS_BODY, TusCaller } from "../../../support/tus.ts";
import { until } from "../../../support/until.ts";

let service: StorageService;
let tus: TusCaller;
const bytes = crypto.getRandomValues(new Uint8Array(300_000));

beforeAll(async () => {
  service = await temporaryStorageService();
  tus = new TusCaller(service.origin);
});
afterAll(async () => {
  expect(service.errors).toEqual([]);
  await service[Symbol.asyncDispose]();
});

const headersOf = (response: Response) => Object.fromEntries(response.headers);
const codeIn = async (response: Response) => {
  const { error } = (await response.json()) as { error: { code: string } };
  return [response.status, error.code];
};

describe("creation", () => {
  test("answers 201 with a relative Location, and keeps name and type", async () => {
    const metadata = `filename ${base64("../ü 🗻.csv")},filetype ${base64("text/csv")},empty`;
    const response = await tus.post({ "upload-length": "5", "upload-metadata": metadata });
    expect(response.status).toBe(201);
    expect(headersOf(response)).toMatchObject({
      "tus-resumable": "1.0.0",
      location: expect.stringMatching(/^\/uploads\/[0-9a-f]{32}$/),
      "upload-expires": new Date(service.clock.now() + 7 * 86_400_000).toUTCString(),
    });
    const url = service.origin + response.headers.get("location");
    expect(headersOf(await tus.head(url))).toMatchObject({
      "upload-offset": "0",
      "upload-length": "5",
      "upload-metadata": metadata,
      "cache-control": "no-store",
    });
    expect((await tus.patch(url, 0, "hello")).status).toBe(204);
    const file = await fetch(url);
    expect(await file.text()).toBe("hello");
    expect(headersOf(file)).toMatchObject({
      "content-type": "text/csv",
      "content-disposition": expect.stringContaining("filename*=UTF-8''%C3%BC%20%F0%9F%97%BB.csv"),
    });
  });

  test("an empty upload is finished at once; a path that a proxy strips is put back", async () => {
    const response = await tus.post({ "upload-length": "0", "x-forwarded-prefix": "/store/" });
    expect(response.headers.get("location")).toMatch(/^\/store\/uploads\/[0-9a-f]{32}$/);
    expect(response.headers.get("repr-digest")).toBe(`sha-256=:${base64(Buffer.from(sha256(""), "hex"))}:`);
  });

  test("takes the first bytes with it, also of unknown length and with a trailing slash", async () => {
    const response = await tus.post({ ...TUS_BODY, "upload-length": "300000" }, bytes.slice(0, 100_000));
    expect([response.status, response.headers.get("upload-offset")]).toEqual([201, "100000"]);
    const headers = { ...TUS_BODY, "upload-defer-length": "1" };
    const deferred = await fetch(`${service.origin}/uploads/`, { method: "POST", headers, body: "abc" });
    expect([deferred.status, deferred.headers.get("upload-offset")]).toEqual([201, "3"]);
    const url = service.origin + deferred.headers.get("location");
    expect(headersOf(await tus.head(url))).toMatchObject({ "upload-defer-length": "1" });
    expect((await tus.patch(url, 3, "de", { "upload-length": "4" })).status).toBe(413);
    expect(await codeIn(await tus.patch(url, 3, "d", { "upload-length": "5" }))).toEqual([400, "invalid"]);
    expect((await tus.patch(url, 3, "d")).status).toBe(204);
    expect(await (await fetch(url)).text()).toBe("abcd");
  });

  test("refuses what is malformed, and creates nothing", async () => {
    const before = (await service.uploads.page({ limit: 1000 })).records.length;
    const refused: [number, Record<string, string>][] = [
      [400, {}],
      [400, { "upload-length": "-1" }],
      [400, { "upload-length": "9007199254740993" }],
      [400, { "upload-length": "1e3" }],
      [400, { "upload-length": "1", "upload-defer-length": "1" }],
      [400, { "upload-defer-length": "2" }],
      [400, { "upload-length": "1", "upload-metadata": "name !!!" }],
      [400, { "upload-length": "1", "upload-metadata": "a YQ==,a YQ==" }],
      [400, { "upload-length": "1", "upload-metadata": `filename ${base64("..")}` }],
      [400, { "upload-length": "1", "upload-metadata": `sha256 ${base64("abc")}` }],
      [400, { "upload-length": "1", "upload-concat": "something" }],
      [400, { "upload-length": "1", "repr-digest": "sha-256=abc" }],
      [404, { "upload-concat": "final;/uploads/nope /uploads/../../etc/passwd" }],
      [412, { "upload-length": "1", "tus-resumable": "0.2.2" }],
    ];
    for (const [status, headers] of refused) {
      const response = await tus.post(headers);
      expect([JSON.stringify(headers), response.status]).toEqual([JSON.stringify(headers), status]);
      expect(headersOf(response)).toMatchObject({ "tus-resumable": "1.0.0", "tus-version": "1.0.0" });
    }
    expect((await service.uploads.page({ limit: 1000 })).records.length).toBe(before);
  });

  test("OPTIONS tells what the server knows, and answers a page of another origin", async () => {
    const response = await fetch(`${service.origin}/uploads`, {
      method: "OPTIONS",
      headers: { origin: "https://a.example" },
    });
    expect(response.status).toBe(204);
    expect(headersOf(response)).toMatchObject({
      "tus-version": "1.0.0",
      "tus-extension":
        "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation",
      "tus-checksum-algorithm": "sha1,sha256,md5,crc32,crc32c",
      "access-control-allow-methods": "POST, OPTIONS",
      "access-control-expose-headers": expect.stringContaining("Upload-Offset"),
    });
  });
});

describe("PATCH", () => {
  test("continues where the upload stands, and only there", async () => {
    const url = await tus.create(300_000);
    const first = await tus.patch(url, 0, bytes.slice(0, 120_000));
    expect([first.status, first.headers.get("upload-offset")]).toEqual([204, "120000"]);
    for (const wrong of [0, 119_999, 120_001]) {
      const refused = await tus.patch(url, wrong, "x");
      expect(refused.headers.get("upload-offset")).toBe("120000");
      expect(await codeIn(refused)).toEqual([409, "conflict"]);
    }
    expect((await tus.patch(url, 120_000, bytes.slice(119_999))).status).toBe(413);
    expect((await tus.patch(url, 120_000, "x", { "content-type": "text/plain" })).status).toBe(415);
    expect((await tus.patch(url, 120_000, "x", { "tus-resumable": "2.0.0" })).status).toBe(412);
    expect((await tus.patch(url, 120_000, "x", { "upload-offset": "-1" })).status).toBe(400);
    expect(await tus.offset(url)).toBe(120_000);
    expect(await codeIn(await fetch(url))).toEqual([409, "not-ready"]);
    const last = await tus.patch(url, 120_000, bytes.slice(120_000));
    expect(headersOf(last)).toMatchObject({
      "upload-offset": "300000",
      "repr-digest": `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`,
      "content-location": expect.stringMatching(/^\/files\//),
    });
    // The answer was lost: the client asks, and may repeat the last request without bytes.
    expect(headersOf(await tus.head(url))).toMatchObject({
      "upload-offset": "300000",
      "upload-length": "300000",
    });
    expect((await tus.patch(url, 300_000, "")).status).toBe(204);
    expect((await tus.patch(url, 300_000, "x")).status).toBe(413);
    const range = await fetch(url, { headers: { range: "bytes=10-19" } });
    expect([range.status, Buffer.from(await range.bytes())]).toEqual([206, Buffer.from(bytes.slice(10, 20))]);
  });

  test("X-HTTP-Method-Override is honoured", async () => {
    const url = await tus.create(5);
    const headers = { ...TUS_BODY, "upload-offset": "0", "x-http-method-override": "PATCH" };
    expect((await fetch(url, { method: "POST", headers, body: "hello" })).status).toBe(204);
    expect((await fetch(url, { method: "POST", headers: TUS })).status).toBe(400);
  });

  test("a declared SHA-256 that differs fails the upload, and the upload is gone", async () => {
    const url = await tus.create(5, { "upload-metadata": `sha256 ${base64(sha256("other"))}` });
    const answer = await tus.patch(url, 0, "hello");
    const { error } = (await answer.json()) as { error: { code: string; message: string } };
    expect([answer.status, error.code]).toEqual([400, "mismatch"]);
    expect(error.message).toContain(sha256("hello"));
    expect(error.message).toContain(sha256("other"));
    expect((await tus.head(url)).status).toBe(410);
    const right = await tus.create(5, {
      "repr-digest": `sha-256=:${createHash("sha256").update("hello").digest("base64")}:`,
    });
    expect((await tus.patch(right, 0, "hello")).status).toBe(204);
  });
});

describe("checksum", () => {
  const crcs = { crc32: "DUoRhQ==", crc32c: "yZRlqg==" }; // of "hello world"

  test("a right one is taken, a wrong one is 460 and changes nothing", async () => {
    for (const algorithm of ["sha1", "sha256", "md5", "crc32", "crc32c"] as const) {
      const text = "hello world";
      const right =
        algorithm === "crc32" || algorithm === "crc32c"
          ? crcs[algorithm]
          : createHash(algorithm).update(text).digest("base64");
      const url = await tus.create(text.length);
      const wrong = await tus.patch(url, 0, "hello w0rld", { "upload-checksum": `${algorithm} ${right}` });
      expect(await codeIn(wrong)).toEqual([460, "checksum"]);
      expect(await tus.offset(url)).toBe(0);
      const taken = await tus.patch(url, 0, text, { "upload-checksum": `${algorithm} ${right}` });
      expect([algorithm, taken.status]).toEqual([algorithm, 204]);
      expect(await (await fetch(url)).text()).toBe(text);
    }
  });

  test("also of large pieces, which are streamed to the disk", async () => {
    const url = await tus.create(300_000);
    const half = bytes.slice(0, 150_000);
    const sum = (piece: Uint8Array) => ({
      "upload-checksum": `sha1 ${createHash("sha1").update(piece).digest("base64")}`,
    });
    expect((await tus.patch(url, 0, bytes.slice(1, 150_001), sum(half))).status).toBe(460);
    expect(await tus.offset(url)).toBe(0);
    expect((await tus.patch(url, 0, half, sum(half))).status).toBe(204);
    const rest = bytes.slice(150_000);
    expect((await tus.patch(url, 150_000, bytes.slice(0, 150_000), sum(rest))).status).toBe(460);
    expect((await tus.patch(url, 150_000, rest, sum(rest))).status).toBe(204);
    expect(sha256(await (await fetch(url)).bytes())).toBe(sha256(bytes));
  });

  test("an unknown or malformed one is 400", async () => {
    const url = await tus.create(5);
    for (const header of ["sha512 YQ==", "sha1 YQ==", "sha1", "sha1 !!"]) {
      expect((await tus.patch(url, 0, "hello", { "upload-checksum": header })).status).toBe(400);
    }
    const created = await tus.post(
      { ...TUS_BODY, "upload-length": "5", "upload-checksum": `md5 ${base64(new Uint8Array(16))}` },
      "hello",
    );
    expect(created.status).toBe(460);
  });
});

describe("termination and expiration", () => {
  test("DELETE ends an upload, and removes the file of a finished one", async () => {
    const url = await tus.create(5);
    expect((await fetch(url, { method: "DELETE", headers: TUS })).status).toBe(204);
    expect((await tus.head(url)).status).toBe(404);
    expect((await fetch(url, { method: "DELETE", headers: TUS })).status).toBe(404);
    const finished = await tus.create(5);
    const file = (await tus.patch(finished, 0, "hello")).headers.get("content-location");
    expect((await fetch(service.origin + file)).status).toBe(200);
    expect((await fetch(finished, { method: "DELETE", headers: TUS })).status).toBe(204);
    expect((await fetch(service.origin + file)).status).toBe(404);
  });

  test("after Upload-Expires it is 410, before and after the sweep", async () => {
    await using own = await temporaryStorageService();
    const caller = new TusCaller(own.origin);
    const url = await caller.create(5);
    await own.clock.advance(6 * 86_400_000);
    const extended = (await caller.patch(url, 0, "he")).headers.get("upload-expires");
    expect(Date.parse(extended ?? "")).toBe(own.clock.now() + 7 * 86_400_000);
    await own.clock.advance(7 * 86_400_000);
    expect((await caller.patch(url, 2, "llo")).status).toBe(410);
    await own.uploads.sweep();
    expect((await caller.head(url)).status).toBe(410);
    await own.clock.advance(7 * 86_400_000);
    await own.uploads.sweep();
    expect((await caller.head(url)).status).toBe(404);
  });

  test("a clock that jumps forward does not end an upload that is being sent", async () => {
    await using own = await temporaryStorageService();
    const caller = new TusCaller(own.origin);
    const url = await caller.create(100_000);
    const sender = await startPatch(url, 0, 100_000, bytes.slice(0, 60_000));
    await until("bytes are being written", () => own.uploads.isUsed(idOf(url)));
    own.clock.jump(365 * 86_400_000);
    await own.uploads.sweep();
    sender.write(bytes.slice(60_000, 100_000));
    expect(await answerOf(sender)).toContain("204 No Content");
  });
});

describe("concatenation", () => {
  const part = (piece: Uint8Array<ArrayBuffer> | string) =>
    tus.post({ ...TUS_BODY, "upload-length": String(piece.length), "upload-concat": "partial" }, piece);

  test("joins parts in order, relative or absolute, small and large, and repeats its answer", async () => {
    const pieces = [bytes.slice(0, 100_000), bytes.slice(100_000, 100_010), bytes.slice(100_010)];
    const urls: string[] = [];
    for (const piece of pieces) urls.push((await part(piece)).headers.get("location") ?? "");
    const [first = "", ...others] = urls;
    const concat = {
      "upload-concat": `final;${service.origin}${first} ${others.join(" ")}`,
      "upload-metadata": `filename ${base64("a.bin")}`,
    };
    const final = await tus.post(concat);
    expect([final.status, final.headers.get("upload-offset")]).toEqual([201, "300000"]);
    const url = service.origin + final.headers.get("location");
    expect(sha256(await (await fetch(url)).bytes())).toBe(sha256(bytes));
    expect(headersOf(await tus.head(url))).toMatchObject({
      "upload-concat": concat["upload-concat"],
      "upload-length": "300000",
    });
    expect((await tus.patch(url, 300_000, "x")).status).toBe(403);
    const again = await tus.post(concat);
    expect([again.status, again.headers.get("location")]).toEqual([201, final.headers.get("location")]);
    expect((await tus.post({ "upload-concat": `final;${first}` })).headers.get("location")).toBe(
      final.headers.get("location"),
    );
  });

  test("refuses parts that are not whole, or no parts", async () => {
    const half = await tus.create(5, { "upload-concat": "partial" });
    expect((await tus.post({ "upload-concat": `final;${half}` })).status).toBe(409);
    expect(headersOf(await tus.head(half))).toMatchObject({ "upload-concat": "partial" });
    const whole = await tus.create(5);
    expect((await tus.post({ "upload-concat": `final;${whole}` })).status).toBe(400);
    expect((await tus.post({ "upload-concat": `final;${half}`, "upload-length": "5" })).status).toBe(400);
  });

  test("a part never becomes a file by itself, not after a restart either", async () => {
    const response = await part("hello");
    await service.uploads.recover();
    expect((await fetch(service.origin + response.headers.get("location"))).status).toBe(409);
  });
});

describe("two requests for one upload", () => {
  test("HEAD asks a stalled sender to let go, and tells what it sent", async () => {
    const url = await tus.create(300_000);
    const stalled = await startPatch(url, 0, 300_000, bytes.slice(0, 70_000));
    await until("bytes are being written", () => service.uploads.isUsed(idOf(url)));
    const offset = await tus.offset(url);
    expect(offset).toBeLessThanOrEqual(70_000);
    expect((await tus.patch(url, offset, bytes.slice(offset))).status).toBe(204);
    expect(sha256(await (await fetch(url)).bytes())).toBe(sha256(bytes));
    expect(await answerOf(stalled)).toContain("409 Conflict");
  });

  test("many writers at once: every byte is right in the end", async () => {
    const url = await tus.create(300_000);
    const send = async () => {
      for (;;) {
        const offset = await tus.offset(url);
        if (offset === 300_000) return;
        const answer = await tus.patch(url, offset, bytes.slice(offset));
        expect([204, 409]).toContain(answer.status);
      }
    };
    await Promise.all([send(), send(), send(), send()]);
    expect(sha256(await (await fetch(url)).bytes())).toBe(sha256(bytes));
  });

  test("a reset connection keeps what had come", async () => {
    const url = await tus.create(300_000);
    const sender = await startPatch(url, 0, 300_000, bytes.slice(0, 200_000));
    await until("bytes are being written", () => service.uploads.isUsed(idOf(url)));
    sender.resetAndDestroy();
    await until("the request is over", () => !service.uploads.isUsed(idOf(url)));
    const offset = await tus.offset(url);
    expect(offset).toBeGreaterThanOrEqual(0);
    expect((await tus.patch(url, offset, bytes.slice(offset))).status).toBe(204);
    expect(sha256(await (await fetch(url)).bytes())).toBe(sha256(bytes));
  });

  test("DELETE removes the file that a last PATCH has made while it came", async () => {
    const url = await tus.create(300_000);
    const { uploads } = service;
    const discard = uploads.discard.bind(uploads);
    uploads.discard = async (id) => {
      expect((await tus.patch(url, 0, bytes)).status).toBe(204);
      return discard(id);
    };
    try {
      expect((await fetch(url, { method: "DELETE", headers: TUS })).status).toBe(204);
    } finally {
      uploads.discard = discard;
    }
    const { records } = await service.files.page({ limit: 1000, sha256: sha256(bytes) });
    expect(records.filter(({ origin }) => origin === `upload:tus:${url.split("/").at(-1)}`)).toEqual([]);
  });

  test("DELETE ends a stalled sender", async () => {
    const url = await tus.create(300_000);
    const stalled = await startPatch(url, 0, 300_000, bytes.slice(0, 70_000));
    await until("bytes are being written", () => service.uploads.isUsed(idOf(url)));
    expect((await fetch(url, { method: "DELETE", headers: TUS })).status).toBe(204);
    expect(await answerOf(stalled)).toMatch(/ 4(10|09) /);
    expect((await tus.head(url)).status).toBe(404);
  });
});

const idOf = (url: string) => `tus:${url.slice(url.lastIndexOf("/") + 1)}`;

/** A PATCH whose body is not sent to its end. */
async function startPatch(url: string, offset: number, length: number, piece: Uint8Array): Promise<Socket> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.on("error", () => socket.destroy());
  socket.write(
    `PATCH ${pathname} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n` +
      `Upload-Offset: ${offset}\r\nContent-Length: ${length}\r\n\r\n`,
  );
  socket.write(piece);
  return socket;
}

/** The head of the answer. */
function answerOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (piece) => {
      text += piece;
      if (text.includes("\r\n\r\n")) resolve(text);
    });
    socket.on("close", () => resolve(text));
  });
}
