// Parts joined to one file: what a crash or a full disk in the middle leaves, and that repeating the request mends it.

import { beforeEach, expect, test } from "bun:test";
import { MemoryRecords } from "../../../src/adapters/memory/records.ts";
import { MemoryStaging } from "../../../src/adapters/memory/staging.ts";
import { Uploads } from "../../../src/domain/uploads/uploads.ts";
import type { UploadRecord } from "../../../src/ports/records.ts";
import { Fault } from "../../../src/wire/faults.ts";
import { codeOf, sha256, stream } from "../../support/bytes.ts";
import { failureOf } from "../../support/failure.ts";
import { openMemoryRooms } from "../../support/memory-rooms.ts";
import { until } from "../../support/until.ts";

const bytes = crypto.getRandomValues(new Uint8Array(300_000));
const PARTS = ["tus:a", "tus:b", "tus:c"];

/** The process dies before the change `isLast` allows no more. */
class DyingRecords extends MemoryRecords {
  isLast: (record: UploadRecord) => boolean = () => false;
  override async replace(...args: Parameters<MemoryRecords["replace"]>): Promise<never> {
    if (args[0] === "uploads" && this.isLast(args[1] as UploadRecord)) throw new Error("killed");
    return (await super.replace(...args)) as never;
  }
}

class FailingStaging extends MemoryStaging {
  isFull = false;
  isHanging = false;
  override write(...args: Parameters<MemoryStaging["write"]>): ReturnType<MemoryStaging["write"]> {
    if (this.isHanging) return new Promise(() => undefined);
    if (this.isFull) throw new Fault("no-space", "the disk is full");
    return super.write(...args);
  }
}

let rooms: ReturnType<typeof openMemoryRooms>;
let records: DyingRecords;
let staging: FailingStaging;
const open = () => new Uploads({ ...rooms, staging });
let uploads: Uploads;

beforeEach(async () => {
  records = new DyingRecords();
  rooms = openMemoryRooms(records);
  staging = new FailingStaging(rooms.blobs);
  uploads = open();
  for (const [i, id] of PARTS.entries()) {
    const meta = { concat: "partial" };
    await uploads.begin({ id, protocol: "tus", name: id, mediaType: "text/plain", size: 100_000, meta });
    await uploads.append(id, { offset: 0, source: stream(bytes.slice(i * 100_000, (i + 1) * 100_000)) });
  }
});

const join = (by: Uploads, id: string, concat = `final;${PARTS.join(" ")}`) =>
  by.concatenate({ id, protocol: "tus", name: "whole", mediaType: "text/plain", meta: { concat } }, PARTS);
const staged = async () => (await Array.fromAsync(staging.list())).length;

async function expectWhole(by: Uploads, id: string): Promise<void> {
  const file = await rooms.files.require((await by.get(id))?.fileId ?? "");
  expect([file.size, file.sha256]).toEqual([bytes.length, sha256(bytes)]);
}

test.each([0, 1, 2])("killed before part %i is told: the same request ends it", async (last) => {
  records.isLast = ({ id, meta }) => id === PARTS[last] && meta.joined !== undefined;
  expect((await failureOf(join(uploads, "tus:first"))).message).toBe("killed");
  records.isLast = () => false;
  const after = open();
  await after.recover();
  const { upload } = await join(after, "tus:second");
  // Before any part was told, nobody can know of the first attempt.
  expect(upload.id).toBe(last === 0 ? "tus:second" : "tus:first");
  await expectWhole(after, upload.id);
  expect(await staged()).toBe(0);
});

test("a join that a crash broke off goes at the next start; the parts stay, and are joined anew", async () => {
  staging.isHanging = true;
  void join(uploads, "tus:first");
  await until("it has begun", () => uploads.get("tus:first"));
  staging.isHanging = false;
  const after = open();
  expect(await after.recover()).toEqual({ finished: 0, discarded: 1 });
  expect(await after.get("tus:first")).toBeUndefined();
  expect(await staged()).toBe(PARTS.length);
  await expectWhole(after, (await join(after, "tus:second")).upload.id);
});

test("asked for again while it is still at work, by a client whose connection broke, it is the same one", async () => {
  const all = await Promise.all(["tus:first", "tus:second", "tus:third"].map((id) => join(uploads, id)));
  expect(all.map(({ upload }) => upload.id)).toEqual(["tus:first", "tus:first", "tus:first"]);
  expect((await rooms.files.page({ limit: 10 })).records).toHaveLength(1);
  await expectWhole(uploads, "tus:first");
  expect(await staged()).toBe(0);
});

test("a full disk leaves the parts as they were, and nothing else", async () => {
  staging.isFull = true;
  expect(await codeOf(join(uploads, "tus:first"))).toBe("no-space");
  expect(await uploads.get("tus:first")).toBeUndefined();
  expect(await staged()).toBe(PARTS.length);
  staging.isFull = false;
  await expectWhole(uploads, (await join(uploads, "tus:second")).upload.id);
});

test("parts that belong to another join are refused", async () => {
  records.isLast = ({ id, meta }) => id === PARTS[1] && meta.joined !== undefined;
  await failureOf(join(uploads, "tus:first"));
  records.isLast = () => false;
  const reordered = `final;${PARTS.toReversed().join(" ")}`;
  expect(await codeOf(join(uploads, "tus:second", reordered))).toBe("conflict");
  await expectWhole(uploads, (await join(uploads, "tus:second")).upload.id);
});
