// Downloads beside nginx: the same file, the same requests, and the same answers but where RFC 9110 says otherwise.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { utimes } from "node:fs/promises";
import { stream } from "../support/bytes.ts";
import { type Nginx, startNginx } from "../support/nginx.ts";
import { type StorageService, temporaryStorageService } from "../support/storage-service.ts";
import { temporaryFolder } from "../support/temporary.ts";

const TEXT = "0123456789abcdefghij";
const HOUR = 3_600_000;

/** A server with the file, and what it calls it. */
interface Served {
  readonly url: string;
  readonly etag: string;
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let nginx: Nginx;
let service: StorageService;
let ours: Served;
let theirs: Served;
let modifiedAt: number;

beforeAll(async () => {
  folder = await temporaryFolder();
  service = await temporaryStorageService();
  const file = await service.files.store({ name: "a", mediaType: "text/plain", origin: "" }, stream(TEXT));
  modifiedAt = Math.floor(file.createdAt / 1000) * 1000;
  await Bun.write(folder.at("root", "a"), TEXT);
  await utimes(folder.at("root", "a"), modifiedAt / 1000, modifiedAt / 1000);
  // By RFC 9110; its default takes only the very date.
  nginx = await startNginx(folder.at("nginx"), folder.at("root"), "if_modified_since before;");
  ours = await served(`${service.origin}/files/${file.id}`);
  theirs = await served(`${nginx.origin}/a`);
});
afterAll(async () => {
  await nginx?.[Symbol.asyncDispose]();
  await service?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

async function served(url: string): Promise<Served> {
  const { headers } = await fetch(url);
  expect(headers.get("last-modified")).toBe(new Date(modifiedAt).toUTCString());
  return { url, etag: headers.get("etag") ?? "" };
}

type Request = Readonly<Record<string, string>>;

/** `E`: the entity tag in quotes; `D`, `D-1`, `D+1`: the date of the last change, an hour before and after. */
async function ask({ url, etag }: Served, request: Request, method: string): Promise<unknown> {
  const date = (hours: number) => new Date(modifiedAt + hours * HOUR).toUTCString();
  const values: Record<string, string> = { D: date(0), "D-1": date(-1), "D+1": date(1) };
  const filled = Object.entries(request).map(([name, value]): [string, string] => {
    return [name, values[value] ?? value.replaceAll("E", etag)];
  });
  const response = await fetch(url, {
    method,
    headers: { ...Object.fromEntries(filled), "accept-encoding": "identity" },
  });
  const { status, headers } = response;
  const range = headers.get("content-range");
  if (status >= 300) return { status, range };
  const length = method === "HEAD" ? Number(headers.get("content-length")) : undefined;
  return { status, range, length, body: await bodyOf(response) };
}

/** Of several ranges what each part says of itself, and its bytes; how the parts are set apart is the server's own. */
async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  const boundary = /^multipart\/byteranges; *boundary="?([^"]+)"?$/i.exec(
    response.headers.get("content-type") ?? "",
  )?.[1];
  if (boundary === undefined) return text;
  const [before, ...parts] = `\r\n${text.replace(/^\r\n/, "")}`.split(`\r\n--${boundary}`);
  expect([before, parts.pop()?.trim()]).toEqual(["", "--"]);
  return parts.map((part) => {
    const [head = "", body] = part.split("\r\n\r\n");
    return { range: /content-range: *(.*)/i.exec(head)?.[1]?.trim(), body };
  });
}

const lots = Array.from({ length: 1_000 }, () => "0-0").join(",");

const RANGES = [
  ...["bytes=0-3", "bytes=4-", "bytes=-3", "bytes=-99", "bytes=0-", "bytes=19-", "bytes=19-19", "bytes=0-99"],
  ...["bytes=20-", "bytes=99-100", "bytes=-0", "bytes=0-0,5-6", "bytes=5-6, 0-0,-2", "bytes=0-0,99-100"],
  ...["bytes=99-100,200-", "bytes", "items=0-1", "BYTES=0-1", "bytes=0-4,2-6", lots],
  ...["bytes=0-9007199254740993", "bytes=18446744073709551615-"],
];

const CONDITIONS: readonly Request[] = [
  ...["E", "W/E", '"x"', "*", '"x", E', 'W/"x",W/E'].flatMap((tag): Request[] => [
    { "if-match": tag },
    { "if-none-match": tag },
    { range: "bytes=0-3", "if-none-match": tag },
  ]),
  ...["D", "D-1", "D+1"].map((date): Request => ({ "if-unmodified-since": date })),
  ...["D", "D-1", "D+1", "2100", "yesterday"].flatMap((date): Request[] => [
    { "if-modified-since": date },
    { "if-none-match": '"x"', "if-modified-since": date },
    { range: "bytes=0-3", "if-range": date },
  ]),
  ...["E", '"x"', "x"].map((tag): Request => ({ range: "bytes=0-3", "if-range": tag })),
  { range: "bytes=99-", "if-range": '"x"' },
  { range: "bytes=99-", "if-none-match": "E" },
  { range: "bytes=0-3", "if-match": '"x"' },
];

/** What RFC 9110 asks for, where, and what nginx answers. */
const OTHERWISE: readonly (readonly [section: string, request: Request, ours: number, theirs: number])[] = [
  ["§13.1.4: what is no date is ignored", { "if-unmodified-since": "2100" }, 200, 412],
  ["§13.1.4: what is no date is ignored", { "if-unmodified-since": "yesterday" }, 200, 412],
  ["§13.2.2: the tag decides, not the date", { "if-match": "E", "if-unmodified-since": "D-1" }, 200, 412],
  ["§14.1.1: an invalid range is ignored", { range: "bytes=5-2" }, 200, 416],
  ["§14.1.1: an invalid range is ignored", { range: "bytes=0-0,x" }, 200, 416],
  ["§14.1.2: an end beyond the file is its end", { range: "bytes=0-18446744073709551615" }, 206, 416],
];

describe("the same answer as nginx", () => {
  test.each(RANGES)("Range: %.60s", async (range) => {
    expect(await ask(ours, { range }, "GET")).toEqual(await ask(theirs, { range }, "GET"));
  });
  test.each(CONDITIONS)("%j", async (request) => {
    for (const method of ["GET", "HEAD"]) {
      // A HEAD has no range (§14.2), which nginx does not mind.
      if (method === "HEAD" && "range" in request) continue;
      expect(await ask(ours, request, method)).toEqual(await ask(theirs, request, method));
    }
  });
});

describe("RFC 9110 rather than nginx", () => {
  test.each(OTHERWISE)("%s (%j)", async (_section, request, own, other) => {
    expect(await ask(ours, request, "GET")).toMatchObject({ status: own });
    expect(await ask(theirs, request, "GET")).toMatchObject({ status: other });
  });
  test("§14.2: only GET has ranges", async () => {
    const range = { range: "bytes=0-3" };
    expect(await ask(ours, range, "HEAD")).toMatchObject({ status: 200, length: TEXT.length });
    expect(await ask(theirs, range, "HEAD")).toMatchObject({ status: 206, length: 4 });
  });
  test("§14.1.2: an empty file has no byte to give", async () => {
    const { id } = await service.files.store({ name: "e", mediaType: "text/plain", origin: "" }, stream(""));
    const statusOf = async (range: string) =>
      (await fetch(`${service.origin}/files/${id}`, { headers: { range } })).status;
    expect(await Promise.all(["bytes=0-", "bytes=0-0", "bytes=-1"].map(statusOf))).toEqual([416, 416, 416]);
  });
});
