// Who computes the SHA-256 of an upload, and when: here as the bytes come, or the store, ahead of being asked.

import { beforeEach, describe, expect, test } from "bun:test";
import { MemoryStaging } from "../../../src/adapters/memory/staging.ts";
import { Uploads } from "../../../src/domain/uploads/uploads.ts";
import { sha256, stream } from "../../support/bytes.ts";
import { openMemoryRooms } from "../../support/memory-rooms.ts";

const MB = 1_000_000;
const bytes = Buffer.alloc(30 * MB, "0123456789abcdef!");

/** Notes what the store is asked to hash. */
class NotedStaging extends MemoryStaging {
  readonly ahead: number[] = [];
  readonly asked: number[] = [];

  override hashAhead(_id: string, size: number): void {
    this.ahead.push(size);
  }

  override digest(id: string, size: number): Promise<string> {
    this.asked.push(size);
    return super.digest(id, size);
  }
}

let rooms: ReturnType<typeof openMemoryRooms>;
let staging: NotedStaging;
let uploads: Uploads;
beforeEach(() => {
  rooms = openMemoryRooms();
  staging = new NotedStaging(rooms.blobs);
  uploads = new Uploads({ ...rooms, staging });
});

const begin = (size: number | null, meta = {}) =>
  uploads.begin({ id: "a", protocol: "tus", name: "a", mediaType: "text/plain", size, meta });

async function sendChunks(...cuts: readonly (readonly [start: number, end: number])[]): Promise<void> {
  await begin(Math.max(...cuts.map(([, end]) => end)));
  for (const [offset, end] of cuts) {
    const source = stream(bytes.subarray(offset, end));
    await uploads.write("a", { offset, size: end - offset, repeated: "compare", source });
  }
}

async function* pieces(size: number) {
  for (let at = 0; at < size; at += 5 * MB) yield bytes.subarray(at, Math.min(size, at + 5 * MB));
}

async function expectFile(size: number): Promise<void> {
  const { fileId } = (await uploads.get("a")) ?? {};
  expect((await rooms.files.require(fileId ?? "")).sha256).toBe(sha256(bytes.subarray(0, size)));
}

describe("chunks of an upload of at most 8 MiB are hashed here", () => {
  test.each([
    ["in order", [[0, 6 * MB] as const, [6 * MB, 8 * MB] as const]],
    ["out of order", [[0, 4 * MB] as const, [6 * MB, 8 * MB] as const, [4 * MB, 6 * MB] as const]],
  ])("%s", async (_, cuts) => {
    await sendChunks(...cuts);
    await expectFile(8 * MB);
    expect([staging.ahead, staging.asked]).toEqual([[], []]);
  });
});

describe("a larger one is hashed by the store", () => {
  test("chunks in order, ahead of being asked", async () => {
    await sendChunks([0, 6 * MB], [6 * MB, 12 * MB], [12 * MB, 20 * MB], [20 * MB, 30 * MB]);
    await expectFile(30 * MB);
    expect([staging.ahead, staging.asked]).toEqual([[12 * MB, 20 * MB], [30 * MB]]);
  });

  test("chunks out of order, as soon as those before them are there", async () => {
    await sendChunks([10 * MB, 20 * MB], [0, 10 * MB], [25 * MB, 30 * MB], [20 * MB, 25 * MB]);
    await expectFile(30 * MB);
    expect([staging.ahead, staging.asked]).toEqual([[20 * MB, 20 * MB], [30 * MB]]);
  });

  test("one long append, while it goes on", async () => {
    await begin(bytes.length);
    await uploads.append("a", { offset: 0, source: pieces(bytes.length) });
    await expectFile(bytes.length);
    expect(staging.ahead.length).toBeGreaterThan(0);
    expect(staging.asked).toEqual([bytes.length]);
  });

  test("one of unknown size", async () => {
    await begin(null);
    await uploads.append("a", { offset: 0, source: pieces(20 * MB) });
    await uploads.declareSize("a", 20 * MB);
    await expectFile(20 * MB);
    expect(staging.ahead.length).toBeGreaterThan(0);
    expect(staging.asked).toEqual([20 * MB]);
  });
});

test("a part has no digest of its own", async () => {
  await begin(bytes.length, { concat: "partial" });
  await uploads.append("a", { offset: 0, source: pieces(bytes.length) });
  expect([staging.ahead, staging.asked]).toEqual([[], []]);
});
