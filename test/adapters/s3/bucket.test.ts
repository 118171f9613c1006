// Reads from a service that fails for a moment: what it refuses, cuts off or drops is asked for again, and nothing else.

import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { parseS3Url, S3Bucket } from "../../../src/adapters/s3/bucket.ts";
import { codeOf, readAll } from "../../support/bytes.ts";
import { failureOf } from "../../support/failure.ts";

const CONTENT = Buffer.from(Array.from({ length: 1_500_000 }, (_, i) => (i * 31) % 251));

/** Answers ranges of CONTENT; every third request is refused, every fourth is closed before its end. */
function flakyService() {
  const state = { requests: 0, always: false };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      state.requests += 1;
      if (state.always || state.requests % 3 === 1) return new Response("busy", { status: 503 });
      const [, from = "0", to = "0"] = /bytes=(\d+)-(\d+)/.exec(request.headers.get("range") ?? "") ?? [];
      const end = Math.min(Number(to) + 1, CONTENT.length);
      const bytes = CONTENT.subarray(Number(from), end);
      const headers = {
        "content-range": `bytes ${from}-${end - 1}/${CONTENT.length}`,
        etag: '"1"',
      };
      const cut = state.requests % 4 === 0 ? bytes.subarray(0, bytes.length >> 1) : bytes;
      return new Response(new Uint8Array(cut), { status: 206, headers });
    },
  });
  return { state, server };
}

function bucketAt(endpoint: string): S3Bucket {
  const keys = { accessKeyId: "a", secretAccessKey: "b", region: "us-east-1" };
  return new S3Bucket({ bucket: "logs", prefix: "", endpoint, ...keys });
}

test("all bytes arrive, whatever is refused or cut", async () => {
  const { state, server } = flakyService();
  const bytes = Buffer.from(await readAll(bucketAt(server.url.origin).open("x")));
  expect(bytes.equals(CONTENT)).toBe(true);
  expect(state.requests).toBeGreaterThan(4);
  await server.stop(true);
});

test("a service that stays away is `unreachable`, after some attempts", async () => {
  const { state, server } = flakyService();
  state.always = true;
  expect(await codeOf(readAll(bucketAt(server.url.origin).open("x")))).toBe("unreachable");
  expect(state.requests).toBe(6);
  await server.stop(true);
});

test.each([
  ["RequestTimeTooSkewed", "clock"],
  ["ExpiredToken", "AWS_SESSION_TOKEN"],
  ["SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"],
])("a refusal is told in the service's words, and what to do about it: %s", async (code, hint) => {
  let asked = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => {
      asked++;
      const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
      return new Response(body, { status: 403, headers: { "content-type": "application/xml" } });
    },
  });
  const bucket = bucketAt(server.url.origin);
  const expected = {
    ...{ code: "forbidden", message: expect.stringContaining(code) },
    hint: expect.stringContaining(hint),
  };
  expect(await failureOf(readAll(bucket.open("x.log")))).toMatchObject(expected);
  expect(asked).toBe(1);
  expect(await failureOf(bucket.list(""))).toMatchObject(expected);
  await server.stop(true);
});

test("an object that was stored with a content coding is read as it was stored", async () => {
  const zipped = gzipSync(CONTENT, { level: 1 });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const [, from = "0", to = "0"] = /bytes=(\d+)-(\d+)/.exec(request.headers.get("range") ?? "") ?? [];
      const end = Math.min(Number(to) + 1, zipped.length);
      const range = `bytes ${from}-${end - 1}/${zipped.length}`;
      const headers = { "content-range": range, "content-encoding": "gzip", etag: '"1"' };
      return new Response(zipped.subarray(Number(from), end), { status: 206, headers });
    },
  });
  const bytes = Buffer.from(await readAll(bucketAt(server.url.origin).open("x.log.gz")));
  expect(bytes.equals(zipped)).toBe(true);
  await server.stop(true);
});

test("a service without ranges: no more is read than the range that was wanted, and its beginning", async () => {
  let sent = 0;
  const size = 600 * 1_048_576;
  const piece = Buffer.alloc(1_048_576, "x");
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const headers = { "content-length": String(size), etag: '"1"' };
      if (request.method === "HEAD") return new Response(null, { headers });
      let left = size;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          left -= piece.length;
          sent += piece.length;
          controller.enqueue(piece);
          if (left === 0) controller.close();
        },
      });
      return new Response(body, { headers });
    },
  });
  const range = { start: 3 * 1_048_576, end: 5 * 1_048_576 };
  const bytes = await readAll(bucketAt(server.url.origin).open("x", range));
  expect(bytes.length).toBe(range.end - range.start);
  expect(sent).toBeLessThan(size / 2);
  await server.stop(true);
});

test("an address names a bucket and a folder in it", () => {
  expect(parseS3Url("s3://logs")).toEqual({ bucket: "logs", prefix: "" });
  expect(parseS3Url("s3://logs/")).toEqual({ bucket: "logs", prefix: "" });
  expect(parseS3Url("s3://logs/a/b")).toEqual({ bucket: "logs", prefix: "a/b/" });
  for (const text of ["s3://", "s3:///x", "s3://a", "http://logs"])
    expect(() => parseS3Url(text)).toThrow(text);
});
