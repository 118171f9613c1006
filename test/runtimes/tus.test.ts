// tus-js-client under Node against the real program: every way it can send, an abort, and a server killed half-way.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { sha256 } from "../support/bytes.ts";
import { Cairn } from "../support/cairn.ts";
import { ROOT, run } from "../support/processes.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const SCRIPT = `${ROOT}test/runtimes/tus.mjs`;
const SIZE = 10_000_000;
/** More than the server receives before it makes a long request durable for the first time. */
const LONG = 100_000_000;
const bytes = randomBytes(SIZE);
let folder: TemporaryFolder;
let cairn: Cairn;

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeFile(folder.at("file"), bytes);
  cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--workers", "0"] });
});
afterAll(async () => {
  await cairn[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function upload(mode: string): Promise<{ url: string; requests: string[] }> {
  const { code, output, stdout } = await run(["node", SCRIPT, cairn.http, folder.at("file"), mode]);
  expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
  return JSON.parse(stdout);
}

async function expectFile(url: string, content: Uint8Array): Promise<void> {
  const answer = await fetch(url);
  expect(answer.headers.get("content-disposition")).toContain("filename*=UTF-8''%C3%BCnder%20way.bin");
  expect(answer.headers.get("content-type")).toBe("application/x-test");
  expect(sha256(await answer.bytes())).toBe(sha256(content));
}

test("the whole file in one request", async () => {
  const { url, requests } = await upload("whole");
  expect(requests).toEqual(["POST 201 0", `PATCH 204 ${SIZE}`]);
  await expectFile(url, bytes);
});

test("in chunks, with a length that is told last, and with the first bytes at creation", async () => {
  const chunked = await upload("chunks");
  expect(chunked.requests.at(-2)).toBe("PATCH 204 9000000");
  await expectFile(chunked.url, bytes);
  const deferred = await upload("deferred");
  expect(deferred.requests.at(-1)).toBe(`PATCH 204 ${SIZE}`);
  await expectFile(deferred.url, bytes);
  const created = await upload("creation");
  expect(created.requests).toEqual([`POST 201 ${SIZE}`]);
  await expectFile(created.url, bytes);
});

test("in four parts at once, joined by the server", async () => {
  const { url, requests } = await upload("parallel");
  expect(requests.filter((line) => line === "PATCH 204 2500000")).toHaveLength(4);
  expect(requests.at(-1)).toBe(`POST 201 ${SIZE}`);
  await expectFile(url, bytes);
});

test("an aborted upload is resumed by its URL alone", async () => {
  const { url, requests } = await upload("abort");
  const offset = Number(/^HEAD 200 (\d+)$/.exec(requests[requests.indexOf("aborted") + 1] ?? "")?.[1]);
  expect(offset).toBeGreaterThanOrEqual(3_000_000);
  await expectFile(url, bytes);
});

test("as the IETF's draft, in two of its versions", async () => {
  for (const mode of ["draft3", "draft5"]) {
    const { url, requests } = await upload(mode);
    expect(requests.at(-1)).toBe(`PATCH 204 ${SIZE}`);
    expect(sha256(await (await fetch(url)).bytes())).toBe(sha256(bytes));
  }
});

test("a server that is killed half-way through a request goes on where it was durable", async () => {
  const long = randomBytes(LONG);
  await writeFile(folder.at("long"), long);
  const database = folder.at("killed.sqlite");
  const flags = ["--workers", "0"];
  let server = await Cairn.start({ database, flags });
  try {
    const child = spawn("node", [SCRIPT, server.http, folder.at("long"), "restart"]);
    let output = "";
    child.stdout.on("data", (piece) => {
      output += piece;
    });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    await until("the client has sent half", () => output.includes("half\n"));
    await until("a stretch is durable", async () => (await receivedBy(server)) > 0);
    const { port } = new URL(server.http);
    await server.kill();
    server = await Cairn.start({ database, flags: [...flags, "--http-port", port] });
    child.stdin.end("\n");
    expect(await ended).toBe(0);
    const { url, requests } = JSON.parse(output.replace("half\n", "")) as { url: string; requests: string[] };
    const offset = Number(
      /^HEAD 200 (\d+)$/.exec(requests.find((line) => line.startsWith("HEAD")) ?? "")?.[1],
    );
    expect(offset).toBeGreaterThan(0);
    expect(offset).toBeLessThan(LONG);
    await expectFile(url, long);
  } finally {
    await server.stop();
  }
}, 60_000);

async function receivedBy({ http }: Cairn): Promise<number> {
  const { uploads } = (await (await fetch(`${http}/api/uploads`)).json()) as {
    uploads: { received: number }[];
  };
  return uploads[0]?.received ?? 0;
}
