// The ledger: concurrent chunks, repeats, crashes between the steps of a completion, expiry.

import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { NewUpload } from "../../../src/domain/uploads/new-upload.ts";
import { Uploads } from "../../../src/domain/uploads/uploads.ts";
import { codeOf, readAll, sha256, stream } from "../../support/bytes.ts";
import { openMemoryRooms } from "../../support/memory-rooms.ts";
import { quietLog as log } from "../../support/quiet-log.ts";

const bytes = crypto.getRandomValues(new Uint8Array(200_000));

let rooms: ReturnType<typeof openMemoryRooms>;
let uploads: Uploads;
beforeEach(() => {
  rooms = openMemoryRooms();
  uploads = rooms.open();
});

const named = (id: string, size = bytes.length, more: Partial<NewUpload> = {}): NewUpload => ({
  ...{ id, protocol: "dropzone", name: "a.csv", mediaType: "text/csv", size, ...more },
});
const chunk = (start: number, end: number, repeated: "refuse" | "compare" = "compare", from = bytes) => ({
  ...{ offset: start, size: end - start, repeated, source: stream(from.slice(start, end)) },
});

describe("chunks", () => {
  test("any cover of the file by overlapping chunks, all at once, gives the file", async () => {
    const cut = fc.array(fc.tuple(fc.nat(999), fc.integer({ min: 1, max: 400 })), { maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(cut, async (cuts) => {
        const id = crypto.randomUUID();
        await uploads.begin(named(id, 1000));
        const ranges = [
          ...cuts.map(([start, n]) => [start, Math.min(1000, start + n)] as const),
          [0, 500],
          [500, 1000],
        ] as const;
        await Promise.all(ranges.map(([start, end]) => uploads.write(id, chunk(start, end))));
        const file = await rooms.files.require((await uploads.get(id))?.fileId ?? "");
        expect(await readAll(rooms.files.read(file))).toEqual(Buffer.from(bytes.slice(0, 1000)));
        expect(file.sha256).toBe(sha256(bytes.slice(0, 1000)));
      }),
      { numRuns: 100 },
    );
  });

  test("concurrent chunks share changes of the ledger", async () => {
    await uploads.begin(named("a"));
    await Promise.all(
      Array.from({ length: 19 }, (_, i) => uploads.write("a", chunk(i * 10_000, (i + 1) * 10_000))),
    );
    const upload = await uploads.get("a");
    expect(upload?.coverage).toEqual([[0, 190_000]]);
    expect(upload?.version).toBeLessThan(10);
  });

  test("two nodes lose none of each other's chunks", async () => {
    const nodes = [uploads, rooms.open()] as const;
    await uploads.begin(named("a"));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        nodes[i % 2 === 0 ? 0 : 1].write("a", chunk(i * 10_000, (i + 1) * 10_000)),
      ),
    );
    expect(answers.some(({ file }) => file?.sha256 === sha256(bytes))).toBe(true);
    expect((await rooms.files.page({ limit: 10 })).records).toHaveLength(1);
  });

  test("one that is broken off is not listed, and can be sent again", async () => {
    await uploads.begin(named("a"));
    const broken = { ...chunk(0, 100_000), source: stream(bytes.slice(0, 50_000), new Error("reset")) };
    expect(await codeOf(uploads.write("a", broken))).toBe("internal");
    expect((await uploads.get("a"))?.coverage).toEqual([]);
    await uploads.write("a", chunk(0, 100_000));
    expect((await uploads.write("a", chunk(100_000, 200_000))).file?.sha256).toBe(sha256(bytes));
  });

  test("one with fewer or more bytes than declared is refused, and not listed", async () => {
    await uploads.begin(named("a"));
    for (const source of [bytes.slice(0, 99), bytes.slice(0, 101)]) {
      for (const form of [source, stream(source)]) {
        const lying = { offset: 0, size: 100, source: form, repeated: "compare" } as const;
        expect(await codeOf(uploads.write("a", lying))).toBe("invalid");
      }
    }
    for (const [offset, size] of [
      [-1, 5],
      [199_999, 2],
      [0.5, 1],
      [0, -1],
      [Number.NaN, 1],
      [2 ** 53, 1],
    ] as const) {
      expect(await codeOf(uploads.write("a", { offset, size, source: stream(), repeated: "compare" }))).toBe(
        "invalid",
      );
    }
    expect((await uploads.get("a"))?.coverage).toEqual([]);
  });

  test("of two that contradict each other the second is refused, in flight as well", async () => {
    await uploads.begin(named("a"));
    const other = Uint8Array.from(bytes, (byte) => byte ^ 1);
    const both = await Promise.allSettled([
      uploads.write("a", chunk(0, 100_000)),
      uploads.write("a", chunk(50_000, 150_000, "compare", other)),
    ]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect((await uploads.get("a"))?.coverage).toEqual([[0, 100_000]]);
    expect(await codeOf(uploads.write("a", chunk(50_000, 150_000, "refuse")))).toBe("exists");
  });
});

describe("completion", () => {
  test("a declared digest that does not hold fails the upload; the same id can be begun anew", async () => {
    await uploads.begin(named("a", 10, { declaredSha256: "0".repeat(64) }));
    expect(await codeOf(uploads.write("a", chunk(0, 10)))).toBe("mismatch");
    expect(await uploads.get("a")).toMatchObject({
      state: "failed",
      error: expect.stringContaining("0".repeat(64)),
    });
    expect(await Array.fromAsync(rooms.staging.list())).toEqual([]);
    expect(await codeOf(uploads.write("a", chunk(0, 10)))).toBe("gone");
    await uploads.begin(named("a", 10, { declaredSha256: sha256(bytes.slice(0, 10)) }));
    expect((await uploads.write("a", chunk(0, 10))).upload.state).toBe("finished");
  });

  test("a crash after any step is repaired, and nothing is done twice", async () => {
    for (const crashAt of ["nothing", "commit", "insert", "finisher"]) {
      rooms = openMemoryRooms();
      await rooms.open().begin(named("a", 1000));
      const upload = await rooms.records.get("uploads", "a");
      if (!upload) throw new Error("no upload");
      // The ledger lists everything, and the process dies in the middle of what follows.
      await rooms.staging.write(upload.staging, 0, bytes.slice(0, 1000));
      await rooms.records.replace("uploads", { ...upload, coverage: [[0, 1000]] });
      if (crashAt !== "nothing") await rooms.staging.commit(upload.staging, 1000);
      const origin = { origin: "upload:a", mediaType: "text/csv", name: "a.csv", size: 1000 };
      const file = {
        ...origin,
        id: upload.staging,
        blob: upload.staging,
        sha256: sha256(bytes.slice(0, 1000)),
      };
      if (crashAt === "insert" || crashAt === "finisher") await rooms.files.register(file);
      const orphan = await rooms.staging.create();
      expect(await rooms.open().recover()).toEqual({ finished: 1, discarded: 1 });
      expect(await rooms.open().recover()).toEqual({ finished: 0, discarded: 0 });
      expect(await codeOf(rooms.staging.commit(orphan, 1))).toBe("not-found");
      const { records } = await rooms.files.page({ limit: 10 });
      expect(records).toHaveLength(1);
      expect(records[0]).toMatchObject(file);
      expect((await rooms.records.get("uploads", "a"))?.fileId).toBe(upload.staging);
    }
  });

  test("a finisher that fails is repeated by the next request", async () => {
    let calls = 0;
    const dropzone = async () => {
      if (++calls === 1) throw new Error("the queue does not answer");
      return { jobId: "j" };
    };
    uploads = new Uploads({ ...rooms, log, finishers: { dropzone } });
    await uploads.begin(named("a", 10));
    expect(await codeOf(uploads.write("a", chunk(0, 10)))).toContain("does not answer");
    expect((await uploads.write("a", chunk(0, 10))).upload.meta.jobId).toBe("j");
    expect(calls).toBe(2);
  });
});

describe("the end of uploads", () => {
  test("unfinished ones expire a week after their last chunk, then stay known for another", async () => {
    const DAY = 24 * 3_600_000;
    await uploads.begin(named("left", 100));
    await rooms.clock.advance(6 * DAY);
    await uploads.write("left", chunk(0, 10));
    await rooms.clock.advance(6 * DAY);
    expect(await uploads.sweep()).toBe(0);
    await rooms.clock.advance(1 * DAY);
    expect(await uploads.sweep()).toBe(1);
    expect(await uploads.get("left")).toMatchObject({
      state: "failed",
      error: expect.stringContaining("expired"),
    });
    expect(await Array.fromAsync(rooms.staging.list())).toEqual([]);
    await rooms.clock.advance(7 * DAY);
    expect(await uploads.sweep()).toBe(1);
    expect(await uploads.get("left")).toBeUndefined();
  });

  test("finished ones stay known for a week, their files for ever; an image is known as long as its file", async () => {
    const WEEK = 7 * 24 * 3_600_000;
    await uploads.begin(named("done", 10));
    const { file } = await uploads.write("done", chunk(0, 10));
    const image = bytes.slice(0, 20);
    const declaredSha256 = sha256(image);
    const id = `image:${declaredSha256}`;
    const registration = { ...named(id, 20), protocol: "image", declaredSha256 } as const;
    await uploads.begin(registration);
    await uploads.write(id, chunk(0, 20));
    await rooms.clock.advance(WEEK - 1);
    expect(await uploads.sweep()).toBe(0);
    expect((await uploads.get("done"))?.state).toBe("finished");
    await rooms.clock.advance(1);
    expect(await uploads.sweep()).toBe(1);
    expect(await uploads.get("done")).toBeUndefined();
    expect(await rooms.files.get(file?.id ?? "")).toBeDefined();
    await rooms.clock.advance(10 * WEEK);
    expect(await uploads.sweep()).toBe(0);
    const known = await uploads.get(id);
    expect(known).toMatchObject({ id, state: "finished", size: 20, coverage: [[0, 20]] });
    expect(await codeOf(uploads.begin(registration))).toBe("exists");
    expect(await codeOf(uploads.write(id, { ...chunk(0, 20), repeated: "refuse" }))).toBe("exists");
    expect(await codeOf(uploads.discard(id))).toBe("conflict");
    await rooms.files.remove(known?.fileId ?? "");
    expect(await uploads.get(id)).toBeUndefined();
    await uploads.begin(registration);
  });

  test("one that is removed while a chunk arrives ends that chunk with gone", async () => {
    await uploads.begin(named("a"));
    const gate = Promise.withResolvers<void>();
    async function* slow() {
      yield bytes.slice(0, 10);
      await gate.promise;
      yield bytes.slice(10, 20);
    }
    const writing = uploads.write("a", { offset: 0, size: 20, source: slow(), repeated: "compare" });
    await uploads.discard("a");
    gate.resolve();
    expect(["gone", "not-found"]).toContain(await codeOf(writing));
    expect(await codeOf(uploads.discard("a"))).toBe("not-found");
  });
});

test("files: blobs without a file are collected when two looks in a row found them alone", async () => {
  await rooms.blobs.put("orphan", stream("x"));
  const kept = await rooms.files.store(
    { name: "k", mediaType: "text/plain", origin: "test" },
    stream("kept"),
  );
  expect(await rooms.files.collect()).toBe(0);
  expect(await rooms.files.collect()).toBe(1);
  expect(await rooms.blobs.stat("orphan")).toBeUndefined();
  expect(await rooms.blobs.stat(kept.blob)).toBeDefined();
});

test("files: equal bytes are kept once, and go with the last of their files", async () => {
  const store = (name: string) =>
    rooms.files.store({ name, mediaType: "text/plain", origin: "test" }, stream("the same bytes"));
  const [first, second] = [await store("a"), await store("b")];
  expect(second.blob).toBe(first.blob);
  expect(second.id).not.toBe(first.id);
  expect((await Array.fromAsync(rooms.blobs.list())).map(({ id }) => id)).toContain(first.blob);
  await rooms.files.remove(first.id);
  expect(String(await readAll(await rooms.files.open(second)))).toBe("the same bytes");
  await rooms.files.remove(second.id);
  expect(await rooms.blobs.stat(first.blob)).toBeUndefined();
  const third = await store("c");
  expect(String(await readAll(await rooms.files.open(third)))).toBe("the same bytes");
});

test("files: a blob that two files share goes with the last of them", async () => {
  const first = await rooms.files.store(
    { name: "a", mediaType: "text/plain", origin: "test" },
    stream("same"),
  );
  const second = await rooms.files.register({ ...first, id: "second" });
  await rooms.files.remove(first.id);
  expect(String(await readAll(rooms.files.read(second)))).toBe("same");
  await rooms.files.remove(second.id);
  expect(await rooms.blobs.stat(first.blob)).toBeUndefined();
});
