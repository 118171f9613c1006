// Downloads from servers that change, lie, stop short or say nothing: a clear fault, or the right file; never a wrong one.

import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { download, downloadBlob } from "../../src/client/http/index.ts";
import { codeOf, sha256 } from "../support/bytes.ts";
import { failureOf } from "../support/failure.ts";
import { CAIRN, run } from "../support/processes.ts";
import { rangedAnswer, scriptedHttp } from "../support/scripted-http.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";

setDefaultTimeout(30_000);

const bytes = randomBytes(3_000_000);
const other = randomBytes(3_000_000);
const digest = sha256(bytes);
const quick = { patience: 300, parallel: 3 };
let folder: TemporaryFolder;
let place: string;
let target: string;
let places = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());
beforeEach(async () => {
  place = folder.at(`place-${++places}`);
  target = `${place}/file`;
  await mkdir(place);
});

const reprDigest = (hex: string) => `sha-256=:${Buffer.from(hex, "hex").toString("base64")}:`;

test("a file that changes between two ranges", async () => {
  await using server = scriptedHttp((request, n) =>
    n < 3 ? rangedAnswer(request, bytes) : rangedAnswer(request, other, { etag: '"two"' }),
  );
  const failed = download(`${server.origin}/a`, target, quick);
  expect((await failureOf(failed)).message).toContain(
    "was replaced by another file while it was being downloaded",
  );
  expect(await codeOf(failed)).toBe("replaced");
  expect(await readdir(place)).toEqual([]);
});

test("a file that changes and keeps its ETag is found by its digest", async () => {
  const headers = { "repr-digest": reprDigest(digest) };
  await using server = scriptedHttp((request, n) => rangedAnswer(request, n < 3 ? bytes : other, headers));
  expect(await codeOf(download(`${server.origin}/a`, target, quick))).toBe("mismatch");
  expect(await codeOf(downloadBlob(`${server.origin}/a`, quick))).toBe("mismatch");
  expect(await readdir(place)).toEqual([]);
});

test("a server that codes its answer although asked not to: what comes out of it is the file", async () => {
  const zipped = gzipSync(bytes);
  const headers = { "content-encoding": "gzip", "repr-digest": reprDigest(sha256(zipped)) };
  await using server = scriptedHttp(
    (request) => new Response(request.method === "HEAD" ? null : zipped, { headers }),
  );
  expect(await download(`${server.origin}/a`, target, quick)).toMatchObject({
    sha256: digest,
    verified: false,
  });
  expect(sha256(await readFile(target))).toBe(digest);
});

test.each(["=".repeat(44), `${"A".repeat(42)}==`, "A".repeat(44)])(
  "a digest that is none (%s)",
  async (odd) => {
    const headers = { "repr-digest": `sha-256=:${odd}:` };
    await using server = scriptedHttp((request) => rangedAnswer(request, bytes, headers));
    expect(await download(`${server.origin}/a`, target, quick)).toMatchObject({
      sha256: digest,
      verified: false,
    });
  },
);

test("a version that has changed since an earlier run is begun anew", async () => {
  let version = 1;
  await using server = scriptedHttp((request, n) => {
    if (version === 1 && n > 1) return new Response("no", { status: 404 });
    if (n === 1) {
      const headers = { etag: '"one"', "content-range": `bytes 0-${bytes.length - 1}/${bytes.length}` };
      return new Response(bytes.subarray(0, 1_000_000), { status: 206, headers });
    }
    return rangedAnswer(request, version === 1 ? bytes : other, { etag: version === 1 ? '"one"' : '"two"' });
  });
  expect(await codeOf(download(`${server.origin}/a`, target, { ...quick, parallel: 1 }))).toBe("not-found");
  expect((await readdir(place)).length).toBe(2);
  version = 2;
  const done = await download(`${server.origin}/a`, target, { ...quick, parallel: 1 });
  expect(done).toMatchObject({ resumed: 0, sha256: sha256(other) });
});

test.each([
  ["no ranges", { "accept-ranges": "" }],
  ["no version", { etag: "" }],
  ["only a weak version", { etag: 'W/"one"' }],
])("a server with %s gives the file in one piece, unverified", async (_, headers) => {
  await using server = scriptedHttp((request) => rangedAnswer(request, bytes, headers));
  expect(await download(`${server.origin}/a`, target, quick)).toMatchObject({
    sha256: digest,
    verified: false,
  });
  expect(sha256(await readFile(target))).toBe(digest);
  expect(server.asked).toEqual(["HEAD /a", "GET /a"]);
});

test("ranges that are announced and then ignored", async () => {
  await using server = scriptedHttp((request) => {
    const answer = rangedAnswer(request, bytes);
    return answer.status === 206 ? new Response(bytes, { headers: { etag: '"one"' } }) : answer;
  });
  expect(await codeOf(download(`${server.origin}/a`, target, quick))).toBe("internal");
  expect(await readdir(place)).toEqual([]);
});

test("another range than was asked for", async () => {
  await using server = scriptedHttp((request) =>
    rangedAnswer(request, bytes, request.method === "GET" ? { "content-range": "bytes 5-9/10" } : {}),
  );
  expect(await codeOf(download(`${server.origin}/a`, target, quick))).toBe("replaced");
});

test("more bytes than were asked for do not spill over", async () => {
  await using server = scriptedHttp((request) => {
    const answer = rangedAnswer(request, bytes);
    if (answer.status !== 206) return answer;
    const start = Number(/bytes (\d+)-/.exec(answer.headers.get("content-range") ?? "")?.[1]);
    return new Response(bytes.subarray(start), { status: 206, headers: answer.headers });
  });
  expect(await download(`${server.origin}/a`, target, quick)).toMatchObject({ sha256: digest });
});

test("answers that stop short are taken up, and a stream of nothing ends with patience", async () => {
  await using server = scriptedHttp((request) => {
    const answer = rangedAnswer(request, bytes);
    if (answer.status !== 206) return answer;
    const start = Number(/bytes (\d+)-/.exec(answer.headers.get("content-range") ?? "")?.[1]);
    const some = bytes.subarray(start, Math.min(start + 700_000, bytes.length));
    const isEmpty = new URL(request.url).pathname === "/empty";
    return new Response(isEmpty ? null : some, { status: 206, headers: answer.headers });
  });
  const patient = { ...quick, patience: 5_000 };
  expect(await download(`${server.origin}/a`, target, patient)).toMatchObject({ sha256: digest });
  expect(await codeOf(download(`${server.origin}/empty`, target, quick))).toBe("unreachable");
});

test("a busy server is asked again when it says so; HEAD may be refused", async () => {
  await using server = scriptedHttp((request, n) => {
    if (request.method === "HEAD") return new Response(null, { status: 405 });
    if (n === 1) return new Response("busy", { status: 503, headers: { "retry-after": "0" } });
    return rangedAnswer(request, bytes, { "content-length": String(bytes.length) });
  });
  const done = await download(`${server.origin}/a`, target, { parallel: 1, patience: 5_000 });
  expect(done).toMatchObject({ sha256: digest });
});

test("notes that are damaged or lie cost only the bytes they were about", async () => {
  await using server = scriptedHttp((request) => rangedAnswer(request, bytes));
  const url = `${server.origin}/a`;
  const note = { version: 1, url, size: bytes.length, validator: '"one"', pid: 0, savedAt: 0 };
  for (const text of [
    "",
    "null",
    "{",
    '{"version":1}',
    JSON.stringify({ ...note, ranges: [[0, 9_000_000]] }),
    JSON.stringify({ ...note, ranges: [[0, 2_000_000]] }),
    JSON.stringify({ ...note, ranges: "all" }),
  ]) {
    await writeFile(`${place}/.file.cairn-part`, "short");
    await writeFile(`${place}/.file.cairn-part.json`, text);
    expect(await download(url, target, quick)).toMatchObject({ resumed: 0, sha256: digest });
    expect(await readdir(place)).toEqual(["file"]);
  }
});

test.each([
  ['attachment; filename="../../evil.sh"', "evil.sh"],
  ["attachment; filename*=UTF-8''..%2F..%2F%00evil", "_evil"],
  ['attachment; filename=".."', "a"],
  ["attachment; filename*=UTF-8''%ZZ", "a"],
])("a name that is a path stays in the folder: %s", async (disposition, name) => {
  await using server = scriptedHttp((request) =>
    rangedAnswer(request, bytes, { "content-disposition": disposition }),
  );
  const { code, output } = await run([CAIRN, "download", `${server.origin}/a`], { cwd: place });
  expect([code, output]).toEqual([0, ""]);
  expect(await readdir(place)).toEqual([name]);
});
