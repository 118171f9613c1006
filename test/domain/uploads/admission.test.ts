// What may begin: bytes promised out of the disk and the quota, and given back.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { rename } from "node:fs/promises";
import type { Limits } from "../../../src/domain/uploads/admission.ts";
import { Fault, isFault } from "../../../src/wire/faults.ts";
import { stream } from "../../support/bytes.ts";
import { type StorageService, temporaryStorageService } from "../../support/storage-service.ts";

const MB = 1_048_576;
let free = 0;
let service: StorageService;
const open = async (limits: Partial<Limits>) => {
  service = await temporaryStorageService({ limits });
};
beforeEach(() => {
  free = 116 * MB;
});
afterEach(() => service[Symbol.asyncDispose]());

const begin = (id: string, size: number | null) =>
  service.uploads.begin({ id, protocol: "tus", name: id, mediaType: "text/plain", size });
/** The code and figures of the fault that `work` ends with. */
const faultOf = async (work: Promise<unknown>): Promise<Record<string, unknown> | undefined> => {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  return isFault(error) ? { code: error.code, ...error.details } : undefined;
};
const freeSpace = async () => free;

test("promises the disk's free space once, less a margin, and takes it back", async () => {
  await open({ freeSpace });
  const both = await Promise.allSettled([begin("a", 60 * MB), begin("b", 60 * MB)]);
  expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const [winner] = (await service.uploads.page({ limit: 10 })).records;
  expect(await faultOf(begin("c", 50 * MB))).toEqual({
    code: "no-space",
    size: 50 * MB,
    free,
    promised: 60 * MB,
  });
  await begin("d", 40 * MB);
  expect(await faultOf(begin("e", 1))).toEqual({ code: "no-space", size: 1, free, promised: 100 * MB });
  await service.uploads.discard(winner?.id ?? "");
  await begin("e", 60 * MB);
});

test("all who begin at once share one look at the disk; one that failed is not kept", async () => {
  const looks: (() => Promise<number>)[] = [
    () => Promise.reject(new Fault("internal", "statfs")),
    () => Promise.resolve(free),
  ];
  let count = 0;
  await open({ freeSpace: () => (looks[count++] ?? freeSpace)() });
  const failed = await Promise.all([faultOf(begin("a", MB)), faultOf(begin("b", MB))]);
  expect(failed.map((fault) => fault?.code)).toEqual(["internal", "internal"]);
  await Promise.all([begin("a", MB), begin("b", MB), begin("c", MB)]);
  expect(count).toBe(2);
});

test("bytes that arrived are no longer promised, and a restart promises the same", async () => {
  await open({ freeSpace });
  await begin("a", 90 * MB);
  await service.uploads.append("a", { offset: 0, source: stream(new Uint8Array(10 * MB)) });
  free -= 10 * MB;
  await service.clock.advance(2000);
  await service.uploads.recover();
  expect(await faultOf(begin("b", 11 * MB))).toMatchObject({ code: "no-space", free, promised: 80 * MB });
  await begin("b", 10 * MB);
});

test("an expired upload gives its promise back", async () => {
  await open({ freeSpace });
  await begin("a", 100 * MB);
  await service.clock.advance(7 * 86_400_000);
  await service.uploads.sweep();
  await begin("b", 100 * MB);
});

test("the quota counts files and unfinished uploads", async () => {
  await open({ quota: 1000 });
  await service.files.store({ name: "f", mediaType: "text/plain", origin: "test" }, stream("x".repeat(300)));
  await begin("a", 500);
  expect(await faultOf(begin("b", 201))).toEqual({
    code: "no-space",
    size: 201,
    quota: 1000,
    used: 300,
    promised: 500,
  });
  await begin("b", 200);
  await service.uploads.discard("a");
  await begin("unknown", null);
  expect(
    await faultOf(service.uploads.append("unknown", { offset: 0, source: stream("x".repeat(501)) })),
  ).toEqual({ code: "too-large" });
  expect(await faultOf(service.uploads.declareSize("unknown", 501))).toMatchObject({
    code: "no-space",
    size: 501,
  });
  await service.uploads.declareSize("unknown", 500);
  await service.uploads.append("unknown", { offset: 0, source: stream("x".repeat(500)) });
  expect(await faultOf(begin("c", 1))).toMatchObject({ code: "no-space", used: 800, promised: 200 });
});

test("uploads of unknown size that grow at once never have more than the quota together", async () => {
  await open({ quota: 1000 });
  const ids = ["a", "b", "c"];
  for (const id of ids) await begin(id, null);
  const all = ids.map((id) => service.uploads.append(id, { offset: 0, source: stream("x".repeat(600)) }));
  const ends = await Promise.all(all.map(faultOf));
  expect(ends.filter((end) => end === undefined)).toHaveLength(1);
  // What was claimed and not written is free again.
  expect(await faultOf(begin("d", 401))).toMatchObject({ code: "no-space", quota: 1000, promised: 600 });
  await begin("d", 400);
});

test("one upload has a limit, declared or not; so has their number", async () => {
  await open({ maxSize: 100, maxUploads: 2 });
  expect(await faultOf(begin("a", 101))).toEqual({ code: "too-large", size: 101, limit: 100 });
  await begin("a", null);
  expect(await faultOf(service.uploads.append("a", { offset: 0, source: stream("x".repeat(101)) }))).toEqual({
    code: "too-large",
  });
  expect(await faultOf(service.uploads.spool(stream("x".repeat(101))))).toEqual({ code: "too-large" });
  await service.uploads.discardSpool(await service.uploads.spool(stream("x".repeat(100))));
  await begin("b", 100);
  expect(await faultOf(begin("c", 1))).toEqual({ code: "busy", uploads: 2, limit: 2 });
  await service.uploads.append("b", { offset: 0, source: stream("x".repeat(100)) });
  await begin("c", 1);
});

test("a size that is told again, or contradicted, promises nothing", async () => {
  await open({ quota: 1000 });
  await begin("a", null);
  await service.uploads.append("a", { offset: 0, source: stream("x".repeat(400)) });
  await service.uploads.declareSize("a", 400);
  // A client whose answer was lost says all of it again; the file is there by now.
  await service.uploads.declareSize("a", 400);
  await begin("b", 100);
  expect(await faultOf(service.uploads.declareSize("b", 300))).toEqual({ code: "invalid" });
  expect(await faultOf(begin("c", 501))).toMatchObject({ code: "no-space", used: 400, promised: 100 });
  await begin("c", 500);
});

test("an upload that could not be opened is promised nothing", async () => {
  await open({ maxUploads: 1 });
  const staging = `${service.folder}/staging`;
  await rename(staging, `${staging}-away`);
  expect(await faultOf(begin("a", null))).toMatchObject({ code: "internal" });
  await rename(`${staging}-away`, staging);
  await begin("a", null);
});

test("a size that is none is refused, and spoils no sum", async () => {
  await open({ freeSpace });
  for (const size of [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY, 2 ** 53]) {
    expect(await faultOf(begin("a", size))).toEqual({ code: "invalid" });
  }
  await begin("a", 90 * MB);
});
