// A disk that fails for a while, call by call: no success is false, nothing acknowledged is lost, and all goes on when it works again.

import { afterAll, beforeAll, expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { sha256 } from "../support/bytes.ts";
import { Cairn } from "../support/cairn.ts";
import { type FailingCalls, failCalls, tracedTest } from "../support/failing-calls.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { TusCaller } from "../support/tus.ts";

let folder: TemporaryFolder;
let cairn: Cairn;
/** Where every upload that was acknowledged can be read, and its digest. */
const acknowledged = new Map<string, string>();
/** tus uploads that were begun and not finished, and their bytes. */
const unfinished = new Map<string, Uint8Array<ArrayBuffer>>();

const start = async () => {
  const flags = ["--workers", "0", "--log-level", "silent"];
  cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags });
};
beforeAll(async () => {
  folder = await temporaryFolder();
  await start();
});
afterAll(async () => {
  await cairn.stop();
  await folder[Symbol.asyncDispose]();
});

/** A row of the records, some pieces. */
const SMALL = [100, 300_000];
/** More than is made durable at once. */
const LARGE = 17_500_000;
const JSON_TYPE = { "content-type": "application/json" };

/** One small upload of each size by each protocol; the statuses. */
async function uploadAll(): Promise<number[]> {
  const statuses: number[] = [];
  for (const size of SMALL) {
    const bytes = randomBytes(size);
    statuses.push(
      await put(bytes),
      ...(await patch(randomBytes(size))),
      ...(await image(bytes.toString("hex"))),
    );
  }
  return statuses;
}

async function put(body: Uint8Array<ArrayBuffer>): Promise<number> {
  const { status, headers } = await fetch(`${cairn.http}/files/a`, { method: "PUT", body });
  if (status === 201) acknowledged.set(headers.get("location") ?? "", sha256(body));
  return status;
}

/** In two halves; what the first is told to have left must be there. */
async function patch(bytes: Uint8Array<ArrayBuffer>): Promise<number[]> {
  const tus = new TusCaller(cairn.http);
  const created = await tus.post({ "upload-length": String(bytes.length) });
  if (created.status !== 201) return [created.status];
  const path = created.headers.get("location") ?? "";
  const half = bytes.length >> 1;
  const first = await tus.patch(cairn.http + path, 0, bytes.subarray(0, half));
  const offset = await tus.offset(cairn.http + path);
  if (first.status === 204) expect(offset).toBe(half);
  const last = await tus.patch(cairn.http + path, offset, bytes.subarray(offset));
  if (last.status === 204) acknowledged.set(path, sha256(bytes));
  else unfinished.set(path, bytes);
  return [created.status, first.status, last.status];
}

async function image(text: string): Promise<number[]> {
  const path = `/image/${sha256(text)}`;
  const post = (path: string, body: unknown) =>
    fetch(cairn.image + path, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body) });
  const size = text.length;
  const registered = await post("/image", { sha256: sha256(text), size, chunk_size: size });
  const sent = await post(`${path}/chunks`, { id: 0, size, data: text });
  if (sent.status === 201) acknowledged.set(path, sha256(text));
  return [registered.status, sent.status];
}

async function expectAcknowledged(): Promise<void> {
  for (const [path, digest] of acknowledged) {
    const answer = await fetch(cairn.http + path);
    expect([path, answer.status, sha256(await answer.bytes())]).toEqual([path, 200, digest]);
  }
}

async function finishRest(): Promise<void> {
  const tus = new TusCaller(cairn.http);
  for (const [path, bytes] of unfinished) {
    const offset = await tus.offset(cairn.http + path);
    const { status } = await tus.patch(cairn.http + path, offset, bytes.subarray(offset));
    expect([path, status]).toEqual([path, 204]);
    acknowledged.set(path, sha256(bytes));
  }
  unfinished.clear();
}

/** Works, fails in the way of `fault`, works again, is killed, and works; returns what was answered while it failed. */
async function goThrough(fault: FailingCalls): Promise<readonly number[]> {
  await uploadAll();
  let during: readonly number[];
  {
    await using _failing = await failCalls(cairn.pid, fault);
    during = [...(await uploadAll()), ...(await patch(randomBytes(LARGE))), ...(await uploadAll())];
    expect((await fetch(`${cairn.http}/healthz`)).status).toBe(200);
  }
  expect((await uploadAll()).filter((status) => status >= 300)).toEqual([]);
  await finishRest();
  await expectAcknowledged();
  await cairn.kill();
  await start();
  await expectAcknowledged();
  acknowledged.clear();
  return during;
}

const failed = (statuses: readonly number[]) => statuses.filter((status) => status >= 400);
/** The image that could not be registered is unknown when its chunk comes. */
const UNKNOWN = 404;

tracedTest("syncs that fail: nothing at all is acknowledged", async () => {
  const during = await goThrough({ calls: "fsync,fdatasync", error: "EIO" });
  expect(new Set(during)).toEqual(new Set([500, UNKNOWN]));
});

tracedTest("writes without space: 507, and nothing is acknowledged", async () => {
  const during = await goThrough({ calls: "pwrite64,pwritev", error: "ENOSPC" });
  expect(new Set(during)).toEqual(new Set([507, UNKNOWN]));
});

tracedTest("too many open files: 503, and what needs none goes on", async () => {
  await uploadAll();
  const { size } = acknowledged;
  let during: readonly number[];
  {
    await using _failing = await failCalls(cairn.pid, { calls: "openat", error: "EMFILE" });
    during = await uploadAll();
    const file = [...acknowledged.keys()].at(0) ?? "";
    expect([200, 503]).toContain((await fetch(cairn.http + file)).status);
  }
  expect(new Set(failed(during))).toEqual(new Set([503, UNKNOWN]));
  // Small ones are rows of a database that is open.
  expect(acknowledged.size).toBe(size + 3);
  await finishRest();
  await expectAcknowledged();
});

const NOW_AND_THEN: readonly FailingCalls[] = [
  { calls: "fsync", error: "EIO:when=2+3" },
  { calls: "fdatasync", error: "EIO:when=2+2" },
  { calls: "pwrite64,pwritev", error: "EDQUOT:when=3+4" },
  { calls: "rename,renameat,renameat2", error: "EIO:when=1+2" },
  { calls: "mkdir,mkdirat", error: "ENOSPC:when=1+2" },
  { calls: "unlink,unlinkat,ftruncate", error: "EROFS:when=1+2" },
  { calls: "openat", error: "EMFILE:when=2+3" },
];

for (const fault of NOW_AND_THEN) {
  tracedTest(
    `${fault.calls} with ${fault.error}: what is acknowledged stays, what is refused goes on`,
    async () => {
      const during = await goThrough(fault);
      expect(during.filter((status) => ![201, 204, 500, 503, 507, UNKNOWN].includes(status))).toEqual([]);
    },
  );
}

/** Where a file is renamed to: the folders of blobs by the first two characters of their ids, and the one with those. */
const blobFolders = () => {
  const blobs = folder.at("cairn.sqlite.files", "blobs");
  const fans = Array.from({ length: 256 }, (_, n) => `${blobs}/${n.toString(16).padStart(2, "0")}`);
  return { "the folder of a blob": fans, "the folder of a new folder": [blobs] };
};

for (const which of ["the folder of a blob", "the folder of a new folder"] as const) {
  tracedTest(`${which} that cannot be synced is not forgotten by the next try`, async () => {
    // It remembers which folders it has synced.
    await cairn.kill();
    await start();
    const tus = new TusCaller(cairn.http);
    const bytes = randomBytes(300_000);
    const url = await tus.create(bytes.length);
    {
      const paths = blobFolders()[which];
      await using _failing = await failCalls(cairn.pid, { calls: "fsync", error: "EIO", paths });
      // Only these syncs make what was renamed, or made, by the first survive a power cut.
      expect((await tus.patch(url, 0, bytes)).status).toBe(500);
      expect((await tus.patch(url, bytes.length, "")).status).toBe(500);
    }
    expect((await tus.patch(url, bytes.length, "")).status).toBe(204);
    expect(sha256(await (await fetch(url)).bytes())).toBe(sha256(bytes));
  });
}
