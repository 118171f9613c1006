// What is noted for the webhook of uploads: each end once, with what the receiver needs, and nothing else.

import { expect, test } from "bun:test";
import { MemoryBlobs } from "../../../src/adapters/memory/blobs.ts";
import { MemoryOutbox } from "../../../src/adapters/memory/outbox.ts";
import { MemoryRecords } from "../../../src/adapters/memory/records.ts";
import { MemoryStaging } from "../../../src/adapters/memory/staging.ts";
import { Files } from "../../../src/domain/files/files.ts";
import { Uploads } from "../../../src/domain/uploads/uploads.ts";
import { codeOf, sha256 } from "../../support/bytes.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { quietLog } from "../../support/quiet-log.ts";

const HOOK = "https://example.org/hook";
const WEEK = 7 * 24 * 3_600_000;
const bytes = new TextEncoder().encode("0123456789");
const whole = { offset: 0, size: 10, source: bytes, repeated: "compare" } as const;

function open({ webhook }: { webhook?: string } = { webhook: HOOK }) {
  const [blobs, outbox, clock] = [new MemoryBlobs(), new MemoryOutbox(), new ManualClock()];
  const records = new MemoryRecords(outbox);
  const staging = new MemoryStaging(blobs);
  const files = new Files({ blobs, records, clock, log: quietLog });
  const start = () => new Uploads({ staging, records, files, clock, log: quietLog, webhook });
  const uploads = start();
  const told = async () =>
    (await outbox.due(Number.MAX_SAFE_INTEGER, 100)).map(({ url, content }) => ({
      url,
      ...JSON.parse(content ?? ""),
    }));
  const begin = (id: string, more = {}) =>
    uploads.begin({ id, protocol: "tus", name: "a.bin", mediaType: "text/plain", size: 10, ...more });
  return { uploads, start, staging, clock, told, begin };
}

test("a finished upload is told with its digest and its file, once", async () => {
  const { uploads, begin, told } = open();
  await begin("tus:a");
  expect(await told()).toEqual([]);
  const { file } = await uploads.write("tus:a", whole);
  await uploads.write("tus:a", whole);
  expect(await told()).toEqual([
    {
      ...{ url: HOOK, type: "upload.finished", timestamp: expect.stringMatching(/Z$/) },
      data: {
        ...{ id: "tus:a", protocol: "tus", name: "a.bin", size: 10, sha256: sha256(bytes) },
        ...{ fileId: file?.id, error: null },
      },
    },
  ]);
});

test("a wrong digest is told as failed, with the reason", async () => {
  const { uploads, staging, begin, told } = open();
  await begin("tus:a", { declaredSha256: "ab".repeat(32) });
  expect(await codeOf(uploads.write("tus:a", whole))).toBe("mismatch");
  const [failed, ...more] = await told();
  expect(more).toEqual([]);
  expect(failed).toMatchObject({ type: "upload.failed", data: { id: "tus:a", sha256: null, fileId: null } });
  expect(failed.data.error).toContain(sha256(bytes));
  expect(await staging.list().next()).toMatchObject({ done: true });
});

test("lost bytes are told as failed by the process that finds it out", async () => {
  const { uploads, start, staging, begin, told } = open();
  const { upload } = await begin("tus:a");
  await uploads.write("tus:a", { ...whole, size: 5, source: bytes.slice(0, 5) });
  await staging.discard(upload.staging);
  expect(await codeOf(start().write("tus:a", whole))).toBe("gone");
  expect(await told()).toMatchObject([
    { type: "upload.failed", data: { error: expect.stringContaining("lost") } },
  ]);
});

test("an expired upload is told once, also when it is begun anew before a sweep", async () => {
  const { uploads, begin, told, clock } = open();
  await begin("tus:swept");
  await begin("tus:anew");
  await clock.advance(WEEK + 1);
  await begin("tus:anew");
  await uploads.sweep();
  await begin("tus:swept");
  const events = (await told()).map(({ type, data }) => [type, data.id, data.error.slice(0, 7)]);
  expect(events).toEqual([
    ["upload.expired", "tus:anew", "expired"],
    ["upload.expired", "tus:swept", "expired"],
  ]);
});

test("a removed upload is not told, nor anything without a webhook", async () => {
  const { uploads, begin, told } = open();
  await begin("tus:a");
  await uploads.discard("tus:a");
  expect(await told()).toEqual([]);
  const silent = open({});
  await silent.begin("tus:a");
  await silent.uploads.write("tus:a", whole);
  expect(await silent.told()).toEqual([]);
});
