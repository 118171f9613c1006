// Downloads with ranges and conditions, and the records of files and uploads, over a real HTTP door.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { FileRecord } from "../../../../src/ports/records.ts";
import { sha256, stream } from "../../../support/bytes.ts";
import { type StorageService, temporaryStorageService } from "../../../support/storage-service.ts";

let service: StorageService;
let file: FileRecord;
const bytes = crypto.getRandomValues(new Uint8Array(300_000));
const text = "0123456789";

const store = (name: string, ...pieces: (Uint8Array | string)[]) =>
  service.files.store({ name, mediaType: "text/plain", origin: "test" }, stream(...pieces));
const get = (id: string, headers: Record<string, string> = {}, method = "GET") =>
  fetch(`${service.origin}/files/${id}`, { method, headers });

beforeAll(async () => {
  service = await temporaryStorageService();
  file = await store("ten.txt", text);
});
afterAll(() => service[Symbol.asyncDispose]());

describe("GET /files/:id", () => {
  test("sends all bytes, never to be rendered in our origin", async () => {
    const { id } = await store('../a "b" ü🗻%.html', bytes.slice(0, 100_000), bytes.slice(100_000));
    const response = await get(id);
    expect(response.status).toBe(200);
    const headers = Object.fromEntries(response.headers);
    expect(headers).toMatchObject({
      "content-length": "300000",
      "accept-ranges": "bytes",
      etag: `"${sha256(bytes)}"`,
      "x-content-type-options": "nosniff",
      "content-security-policy": "sandbox; default-src 'none'",
      "last-modified": new Date(service.clock.now()).toUTCString(),
      "content-disposition": `attachment; filename="a _b_ ____.html"; filename*=UTF-8''a%20%22b%22%20%C3%BC%F0%9F%97%BB%25.html`,
    });
    expect(sha256(await response.bytes())).toBe(sha256(bytes));
  });

  test("HEAD has the headers of GET and no body", async () => {
    const response = await get(file.id, {}, "HEAD");
    expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([
      200,
      "10",
      "",
    ]);
    expect(response.headers.get("etag")).toBe(`"${file.sha256}"`);
  });

  test.each([
    ["bytes=0-3", "0123", "bytes 0-3/10"],
    ["bytes=4-", "456789", "bytes 4-9/10"],
    ["bytes=-3", "789", "bytes 7-9/10"],
    ["bytes=-99", text, "bytes 0-9/10"],
    ["bytes=9-9999", "9", "bytes 9-9/10"],
    ["bytes=8-18446744073709551615", "89", "bytes 8-9/10"],
    [`bytes=8-${"9".repeat(5_000)}`, "89", "bytes 8-9/10"],
    ["bytes=-18446744073709551615", text, "bytes 0-9/10"],
    ["Bytes = 0-0, 99-100", "0", "bytes 0-0/10"],
  ])("answers %s with 206", async (range, part, contentRange) => {
    const response = await get(file.id, { range });
    expect([response.status, await response.text()]).toEqual([206, part]);
    expect(response.headers.get("content-range")).toBe(contentRange);
  });

  test.each(["bytes=10-", "bytes=99-100", "bytes=-0", "bytes=18446744073709551615-"])(
    "answers %s with 416 and the size",
    async (range) => {
      const response = await get(file.id, { range });
      expect([response.status, response.headers.get("content-range")]).toEqual([416, "bytes */10"]);
    },
  );

  test.each([
    "bytes=5-2",
    "bytes=a-b",
    "bytes",
    "bytes=-",
    "bytes=,",
    "items=0-1",
    "bytes=0-0,1-1,x",
    "bytes=0-9,0-9",
  ])("ignores %s", async (range) => {
    const response = await get(file.id, { range });
    expect([response.status, await response.text()]).toEqual([200, text]);
  });

  test("sends several ranges as multipart/byteranges", async () => {
    const response = await get(file.id, { range: "bytes=0-1, 5-6, -1" });
    expect(response.status).toBe(206);
    const type = response.headers.get("content-type") ?? "";
    const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(type)?.[1];
    const body = await response.text();
    expect(response.headers.get("content-length")).toBe(String(Buffer.byteLength(body)));
    const part = (range: string, content: string) =>
      `\r\n--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes ${range}/10\r\n\r\n${content}`;
    expect(body).toBe(`${part("0-1", "01")}${part("5-6", "56")}${part("9-9", "9")}\r\n--${boundary}--\r\n`);
  });

  test("sends several large ranges as a stream, in the order asked for", async () => {
    const all = Buffer.concat(Array.from({ length: 9 }, () => bytes));
    const { id } = await store("large", all);
    const response = await get(id, { range: "bytes=2000000-2599999,0-999999" });
    const body = Buffer.from(await response.arrayBuffer());
    const head = body.indexOf("\r\n\r\n") + 4;
    expect(body.subarray(head, head + 600_000).equals(all.subarray(2_000_000, 2_600_000))).toBe(true);
    const second = body.indexOf("\r\n\r\n", head + 600_000) + 4;
    expect(body.subarray(second, second + 1_000_000).equals(all.subarray(0, 1_000_000))).toBe(true);
    expect(String(body.subarray(second + 1_000_000))).toMatch(/^\r\n--cairn-[^\r]+--\r\n$/);
  });

  test.each([
    ["overlapping ones that are more than the file", "bytes=0-,0-,0-"],
    ["more than a hundred", `bytes=${Array.from({ length: 101 }, () => "0-0").join(",")}`],
    ["thousands", `bytes=${Array.from({ length: 3_000 }, (_, i) => `${i % 9}-9`).join(",")}`],
  ])("answers %s with the whole file", async (_, range) => {
    const response = await get(file.id, { range });
    expect([response.status, await response.text()]).toEqual([200, "0123456789"]);
  });

  test("conditions come before ranges", async () => {
    const etag = `"${file.sha256}"`;
    const date = new Date(file.createdAt).toUTCString();
    const earlier = new Date(file.createdAt - 5000).toUTCString();
    const cases: [Record<string, string>, number][] = [
      [{ "if-none-match": etag }, 304],
      [{ "if-none-match": `"other", W/${etag}` }, 304],
      [{ "if-none-match": "*" }, 304],
      [{ "if-none-match": '"other"', "if-modified-since": date }, 200],
      [{ "if-modified-since": date }, 304],
      [{ "if-modified-since": earlier }, 200],
      [{ "if-modified-since": "nonsense" }, 200],
      [{ "if-match": etag }, 200],
      [{ "if-match": '"other"' }, 412],
      [{ "if-match": `W/${etag}` }, 412],
      [{ "if-unmodified-since": earlier }, 412],
      [{ "if-unmodified-since": date }, 200],
      [{ "if-match": '"other"', range: "bytes=0-1" }, 412],
      [{ "if-range": etag, range: "bytes=0-1" }, 206],
      [{ "if-range": '"other"', range: "bytes=0-1" }, 200],
      [{ "if-range": `W/${etag}`, range: "bytes=0-1" }, 200],
      [{ "if-range": date, range: "bytes=0-1" }, 206],
      [{ "if-range": earlier, range: "bytes=0-1" }, 200],
    ];
    for (const [headers, status] of cases) {
      expect({ headers, status: (await get(file.id, headers)).status }).toEqual({ headers, status });
    }
  });

  test("a download that has begun is not hurt by the removal of its file", async () => {
    const piece = new Uint8Array(1_000_000).fill(7);
    const { id } = await store("big", ...Array.from({ length: 40 }, () => piece));
    const response = await get(id);
    const reader = response.body?.getReader();
    let size = (await reader?.read())?.value?.length ?? 0;
    await service.files.remove(id);
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read())
      size += next.value.length;
    expect(size).toBe(40_000_000);
    expect((await get(id)).status).toBe(404);
  });

  test("unknown ids are 404", async () => {
    for (const id of ["nope", "..%2f..%2fetc%2fpasswd", "%00", "x".repeat(10_000)]) {
      expect((await get(id)).status).toBe(404);
    }
  });
});

describe("/api/files", () => {
  const api = (path: string, init?: RequestInit) => fetch(`${service.origin}/api/files${path}`, init);

  test("pages, filters, renames and deletes", async () => {
    const ids: string[] = [];
    for (const name of ["page-a", "page-c", "page-b"]) ids.push((await store(name, name)).id);
    const first = await (await api("?limit=2&order=name&prefix=page-")).json();
    expect(first.files.map(({ name }: FileRecord) => name)).toEqual(["page-a", "page-b"]);
    const rest = await (
      await api(`?limit=2&order=name&prefix=page-&after=${encodeURIComponent(first.next)}`)
    ).json();
    expect(rest.files.map(({ name }: FileRecord) => name)).toEqual(["page-c"]);
    expect(rest.next).toBeNull();
    const headers = { "content-type": "application/json" };
    const patch = (name: unknown) =>
      api(`/${ids[0]}`, { method: "PATCH", headers, body: JSON.stringify({ name }) });
    expect((await (await patch("x/renamed ü.txt")).json()).name).toBe("renamed ü.txt");
    for (const name of ["", "..", "a\u0000b", "n".repeat(1025), 5, "\ud800"])
      expect((await patch(name)).status).toBe(400);
    const entry = await (await api(`/${ids[0]}`)).json();
    expect(entry).toMatchObject({
      name: "renamed ü.txt",
      size: 6,
      url: `/files/${ids[0]}`,
      sha256: sha256("page-a"),
    });
    expect((await api(`/${ids[0]}`, { method: "DELETE" })).status).toBe(204);
    for (const method of ["GET", "DELETE"]) expect((await api(`/${ids[0]}`, { method })).status).toBe(404);
  });

  test("refuses a query that is malformed", async () => {
    for (const query of [
      "limit=0",
      "limit=1001",
      "limit=x",
      "order=size",
      "after=nonsense",
      "sha256=zz",
      "state=x",
    ]) {
      expect({ query, status: (await api(`?${query}`)).status }).toEqual({ query, status: 400 });
    }
  });
});

describe("/api/uploads", () => {
  test("tells which ranges are there, by the full id and by dzuuid, and discards", async () => {
    const id = `dropzone:${crypto.randomUUID()}`;
    const upload = { id, protocol: "dropzone", name: "a.csv", mediaType: "text/csv", size: 100_000 } as const;
    await service.uploads.begin(upload);
    const chunk = { offset: 10, size: 5, source: Buffer.from("hello"), repeated: "compare" } as const;
    await service.uploads.write(id, chunk);
    for (const name of [id, id.slice(9)]) {
      const entry = await (await fetch(`${service.origin}/api/uploads/${encodeURIComponent(name)}`)).json();
      expect(entry).toMatchObject({ id, received: 5, ranges: [[10, 15]], state: "arriving", fileId: null });
    }
    const list = await (await fetch(`${service.origin}/api/uploads?state=arriving`)).json();
    expect(list.uploads.map((entry: { id: string }) => entry.id)).toContain(id);
    const remove = () => fetch(`${service.origin}/api/uploads/${id}`, { method: "DELETE" });
    expect([(await remove()).status, (await remove()).status]).toEqual([204, 404]);
    expect(await Array.fromAsync(service.stores.staging.list())).toEqual([]);
  });
});
