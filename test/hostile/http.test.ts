// Requests that no proper client sends, to the real program: a clear answer in the 400s, nothing logged as our defect, nothing left behind.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { Cairn } from "../support/cairn.ts";
import { CAIRN, run } from "../support/processes.ts";
import { rawExchange } from "../support/storage-service.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { TUS_BODY, TusCaller } from "../support/tus.ts";

let folder: TemporaryFolder;
let cairn: Cairn;
beforeAll(async () => {
  folder = await temporaryFolder();
  const flags = ["--workers", "0", "--log-level", "error"];
  cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags });
});
afterAll(async () => {
  await cairn.stop();
  expect(cairn.program.output).not.toContain('"level":"error"');
  await folder[Symbol.asyncDispose]();
});

const portOf = () => Number(new URL(cairn.http).port);
/** The status of the first answer to `text`. */
const statusOf = async (text: string | Uint8Array) =>
  Number(/^HTTP\/1\.1 (\d+)/.exec(await rawExchange(portOf(), text))?.[1]);
const post = (path: string, headers: Record<string, string>, body: BodyInit, method = "POST") =>
  fetch(cairn.http + path, { method, headers, body });

describe("a Host that is none", () => {
  test.each(["a b", "[::", "x:port", "%", "x?limit=0", "http://x"])("%j", async (host) => {
    expect(await statusOf(`GET /api/files?limit=5 HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toBe(400);
    expect(await statusOf(`GET /nothing HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toBe(404);
    expect(await statusOf(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toBe(200);
  });
});

test("a name that a stranger pointed at this machine is refused at every port, but for what any page may use", async () => {
  for (const origin of [cairn.http, cairn.image, cairn.merge]) {
    const { port } = new URL(origin);
    const ask = (target: string) =>
      rawExchange(
        Number(port),
        `${target} HTTP/1.1\r\nHost: evil.example:${port}\r\nContent-Length: 0\r\n\r\n`,
      );
    for (const target of [
      "GET /api/files",
      "GET /api/keys",
      "POST /api/jobs",
      "POST /initiate",
      "POST /image",
    ]) {
      expect(await ask(target)).toStartWith("HTTP/1.1 403");
    }
    for (const target of ["GET /", "POST /uploads", "PUT /files/a"]) {
      expect(await ask(target)).not.toStartWith("HTTP/1.1 403");
    }
  }
});

test("--allowed-hosts names further hosts, and is checked", async () => {
  await using other = await temporaryFolder();
  const flags = ["--workers", "0", "--allowed-hosts", "Files.Example.com, .corp.example"];
  await using named = await Cairn.start({ database: other.at("cairn.sqlite"), flags });
  const port = Number(new URL(named.http).port);
  const ask = (host: string) => rawExchange(port, `GET /api/files HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  expect(await ask("files.example.com")).toStartWith("HTTP/1.1 200");
  expect(await ask("a.corp.example:80")).toStartWith("HTTP/1.1 200");
  expect(await ask("evil.example")).toStartWith("HTTP/1.1 403");
  const wrong = await run([
    CAIRN,
    "serve",
    other.at("b.sqlite"),
    "--allowed-hosts",
    "http://files.example.com",
  ]);
  expect(wrong.code).toBe(1);
  expect(wrong.output).toContain("--allowed-hosts");
});

describe("smuggled requests", () => {
  const head = "PUT /files/a HTTP/1.1\r\nHost: x\r\n";
  test.each([
    ["two lengths", `${head}Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello`],
    ["a length and chunks", `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["another coding", `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ["a coding before chunks", `${head}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ["a negative length", `${head}Content-Length: -5\r\n\r\nhello`],
    ["a length with a sign", `${head}Content-Length: +5\r\n\r\nhello`],
    ["a length beyond 2^64", `${head}Content-Length: 18446744073709551621\r\n\r\nhello`],
    ["a length beyond 2^53", `${head}Content-Length: 9007199254740994\r\n\r\nhello`],
    ["a space before the colon", `${head}Content-Length : 5\r\n\r\nhello`],
    ["a folded line", `${head}X: a\r\n Content-Length: 5\r\n\r\nhello`],
    ["chunks that end in bare line feeds", `${head}Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n`],
    ["a chunk beyond 2^64", `${head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nhello`],
  ])("%s are refused", async (_what, text) => {
    const status = await statusOf(text);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  });

  test("a body that was refused unread is not taken for the next request", async () => {
    const hidden = "DELETE /api/files/a HTTP/1.1\r\nHost: x\r\n\r\n";
    const text = `POST /api/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`;
    const answer = await rawExchange(portOf(), text, (so) => so.includes("ok\n"));
    expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(["415", "200"]);
  });

  test("extensions of chunks are skipped", async () => {
    const chunks = '005;a="b;c"\r\nhello\r\n0;x\r\n\r\n';
    expect(await statusOf(`${head}Transfer-Encoding: chunked\r\n\r\n${chunks}`)).toBe(201);
  });
});

describe("an equal length that is sent twice is one", () => {
  const twice = "Host: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n";
  const tus = `Tus-Resumable: 1.0.0\r\nContent-Type: ${TUS_BODY["content-type"]}\r\n`;
  const body = (text: string, head: string) => `${text} HTTP/1.1\r\n${twice}${head}\r\n{}`;

  test("in a PUT, in tus and in JSON, and all who come after are promised their bytes", async () => {
    const url = new URL(await new TusCaller(cairn.http).create(2)).pathname;
    const json = "Content-Type: application/json\r\n";
    expect(await statusOf(body("PUT /files/twice", ""))).toBe(201);
    expect(await statusOf(body("POST /uploads", `${tus}Upload-Length: 2\r\n`))).toBe(201);
    expect(await statusOf(body(`PATCH ${url}`, `${tus}Upload-Offset: 0\r\n`))).toBe(204);
    expect(await statusOf(body("POST /uploads", "Upload-Complete: ?1\r\n"))).toBe(201);
    expect(await statusOf(body("POST /image", json))).toBe(400);
    expect((await post("/files/after", {}, "x", "PUT")).status).toBe(201);
    expect((await new TusCaller(cairn.http).post({ "upload-length": "5" })).status).toBe(201);
  });
});

test.each(["%ff%fe", "100%", "%", "a%zz", "%c3"])(
  "a name whose escapes are no UTF-8 is refused: %s",
  async (name) => {
    expect(await statusOf(`PUT /files/${name} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx`)).toBe(400);
  },
);

describe("a content coding", () => {
  const coded = { "content-encoding": "gzip" };
  const zipped = gzipSync("hello");
  test("is refused by every route that keeps a body, and none is left", async () => {
    const url = new URL(await new TusCaller(cairn.http).create(zipped.length)).pathname;
    const form = new FormData();
    form.append("file", new File([zipped], "a.csv"));
    const json = { ...coded, "content-type": "application/json" };
    const answers = await Promise.all([
      post("/files/a", coded, zipped, "PUT"),
      post("/uploads", { ...coded, "tus-resumable": "1.0.0", "upload-length": "5" }, zipped),
      post("/uploads", { ...coded, "upload-complete": "?1" }, zipped),
      post(url, { ...coded, ...TUS_BODY, "upload-offset": "0" }, zipped, "PATCH"),
      post("/api/upload_file", coded, form),
      post("/image", json, gzipSync("{}")),
      post("/initiate", json, gzipSync("{}")),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 415));
    expect(answers[0]?.headers.get("accept-encoding")).toBe("identity");
    expect(await new TusCaller(cairn.http).offset(cairn.http + url)).toBe(0);
  });

  test("that codes nothing is none", async () => {
    expect((await post("/files/a", { "content-encoding": "identity" }, "x", "PUT")).status).toBe(201);
  });
});

test("a PUT under a condition on what is there changes nothing", async () => {
  expect((await post("/files/a", { "if-match": '"x"' }, "x", "PUT")).status).toBe(412);
  expect((await post("/files/a", { "if-match": "*" }, "x", "PUT")).status).toBe(412);
  expect((await post("/files/a", { "if-none-match": "*" }, "x", "PUT")).status).toBe(201);
});

test.each([500, 5_000, 100_000])("JSON nested %i deep", async (depth) => {
  const nest = "[".repeat(depth) + "]".repeat(depth);
  const json = { "content-type": "application/json" };
  const answers = await Promise.all([
    post("/api/jobs", json, `{"kind":"merge","input":${nest}}`),
    post("/image", json, `{"sha256":${nest}}`),
    post("/initiate", json, depth > 30_000 ? "{}" : `{"start_date":${nest},"end_date":1}`),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]);
});

test("names of objects' own parts are names like others", async () => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    expect((await fetch(`${cairn.http}/api/files/${name}`)).status).toBe(404);
    expect((await fetch(`${cairn.http}/api/files?${name}=1`)).status).toBe(200);
    expect(
      (await post("/api/jobs", { "content-type": "application/json" }, `{"kind":"${name}"}`)).status,
    ).toBe(400);
    const metadata = { "upload-length": "0", "upload-metadata": `${name} aGVsbG8=` };
    expect((await new TusCaller(cairn.http).post(metadata)).status).toBe(201);
    expect((await post(`/files/${name}`, {}, "x", "PUT")).status).toBe(201);
  }
});
