// The merge and aggregation handlers, run by a worker over the reference adapters.

import { describe, expect, test } from "bun:test";
import { MemoryAggregation } from "../../../src/adapters/memory/aggregation.ts";
import { MemoryBucket } from "../../../src/adapters/memory/bucket.ts";
import { systemClock } from "../../../src/app/clock.ts";
import { aggregateHandler } from "../../../src/domain/jobs/aggregate.ts";
import { Results } from "../../../src/domain/jobs/results.ts";
import type { Bucket } from "../../../src/ports/bucket.ts";
import type { Job } from "../../../src/ports/queue.ts";
import { openJobShop } from "../../support/job-shop.ts";

const OBJECTS = {
  "2019-08-16_0.log": "b\nd",
  "2019-08-16_10.log": "b\n",
  "2019-08-16_9": "a\n",
  "2019-08-17_0.log": "",
  "2019-08-17_000012345678901234567890.log": "c\nc\n",
  "2019-08-15_0.log": "before\n",
  "2019-08-18_0.log": "after\n",
  "2019-08-16_0.log.gz": "foreign\n",
  "2019-08-16_x.log": "foreign\n",
  "2019-08-1_0.log": "foreign\n",
  "2019-02-30_0.log": "no such day\n",
  "x/2019-08-16_0.log": "foreign\n",
  README: "foreign\n",
};

const fileOf = ({ result }: Job) => (result as { file: string }).file;

describe("merge", () => {
  test("merges the days' files by code point and nothing else", async () => {
    await using shop = openJobShop({ objects: OBJECTS });
    const { id } = await shop.jobs.submit({
      kind: "merge",
      input: { start: "2019-08-16", end: "2019-08-17" },
    });
    const job = await shop.ended(id);
    expect(job).toMatchObject({ state: "succeeded", result: { file: id, objects: 5, bytes: 12 } });
    expect(await shop.text(id)).toBe("a\nb\nb\nc\nc\nd\n");
    expect(await shop.files.get(id)).toMatchObject({
      name: "merged_2019-08-16_2019-08-17.log",
      origin: `job:${id}`,
      mediaType: "text/plain",
    });
    expect((await shop.files.get(id))?.expiresAt).toBeGreaterThan(Date.now());
  });

  test("an empty range gives an empty file and says so", async () => {
    await using shop = openJobShop({ objects: OBJECTS });
    const { id } = await shop.jobs.submit({
      kind: "merge",
      input: { start: "2020-01-01", end: "2020-01-01" },
    });
    const job = await shop.ended(id);
    expect(job.result).toMatchObject({ objects: 0, bytes: 0 });
    expect(job.log[0]?.text).toContain("no log file of 2020-01-01: the result is empty");
    expect(await shop.text(fileOf(job))).toBe("");
  });

  test("an unsorted file fails the job at once, and says where", async () => {
    await using shop = openJobShop({ objects: { "2020-01-01_0.log": "b\na\n" } });
    const { id } = await shop.jobs.submit({
      kind: "merge",
      input: { start: "2020-01-01", end: "2020-01-01" },
    });
    const job = await shop.ended(id);
    expect(job).toMatchObject({ state: "failed", attempts: 1, error: { code: "invalid" } });
    expect(job.error?.message).toContain("2020-01-01_0.log");
    expect(await shop.files.get(id)).toBeUndefined();
  });

  test("more objects than a page holds, over several years", async () => {
    const objects = Object.fromEntries(
      Array.from({ length: 2_500 }, (_, i) => [
        `${2018 + (i % 3)}-12-31_${i}.log`,
        `${String(i).padStart(5, "0")}\n`,
      ]),
    );
    await using shop = openJobShop({ objects });
    const { id } = await shop.jobs.submit({
      kind: "merge",
      input: { start: "2018-12-31", end: "2019-12-31" },
    });
    const job = await shop.ended(id);
    // 1,667 inputs are more than may be open at once, and this shop has no scratch for a second pass.
    expect(job.error?.message).toContain("1667 inputs");
  });

  test("a running merge is cancelled and leaves no file", async () => {
    const reading = Promise.withResolvers<void>();
    const still = new MemoryBucket(new Map([["2020-01-01_0.log", new Uint8Array(1)]]));
    const bucket: Bucket = {
      description: "a bucket that never answers",
      list: (...parameters) => still.list(...parameters),
      open: async function* (_name, _range, signal) {
        reading.resolve();
        yield await new Promise<Uint8Array>((_, reject) =>
          signal?.addEventListener("abort", () => reject(signal.reason)),
        );
      },
    };
    await using shop = openJobShop({ bucket });
    const { id } = await shop.jobs.submit({
      kind: "merge",
      input: { start: "2020-01-01", end: "2020-01-01" },
    });
    await reading.promise;
    await shop.jobs.cancel(id);
    expect(await shop.ended(id)).toMatchObject({ state: "cancelled", error: { code: "cancelled" } });
    expect((await shop.files.page({ limit: 10 })).records).toEqual([]);
  });

  test.each([
    [{ start: "2019-02-30", end: "2019-03-01" }, "start: must be a calendar date"],
    [{ start: "2019-03-02", end: "2019-03-01" }, "end is before start"],
    [{ start: "2019-03-02" }, "end: "],
    [{ start: "2019-03-02", end: "2019-03-02", more: 1 }, "more"],
    ["x", "expected object"],
  ])("refuses %j", async (input, message) => {
    await using shop = openJobShop({ working: false });
    const error = await shop.jobs.submit({ kind: "merge", input }).catch((caught) => caught);
    expect(error.code).toBe("invalid");
    expect(error.message).toContain(message);
  });
});

describe("aggregate", () => {
  test("totals plays by default; the status counts the bad rows and the log names them", async () => {
    await using shop = openJobShop();
    const file = await shop.store("plays.csv", "Song,Date,Number of Plays\na,1,2\na,1,3\nb,1,x\n");
    const { id } = await shop.jobs.submit({ kind: "aggregate", input: { fileId: file.id } });
    const job = await shop.ended(id);
    expect(job.result).toEqual({ file: id, groups: 1, rows: 2, rejected: 1 });
    expect(job.log.map(({ text }) => text)).toEqual([
      "2 rows in 1 groups, 1 rows rejected",
      'rejected line 4: Number of Plays: "x" is not a number: b,1,x',
    ]);
    expect(await shop.text(id)).toBe("Song,Date,Total Number of Plays for Date\na,1,5\n");
    expect(await shop.files.get(id)).toMatchObject({ name: "plays_totals.csv", mediaType: "text/csv" });
  });

  test("a missing file or column fails at once", async () => {
    await using shop = openJobShop();
    const absent = await shop.jobs.submit({ kind: "aggregate", input: { fileId: "nope" } });
    expect(await shop.ended(absent.id)).toMatchObject({
      state: "failed",
      attempts: 1,
      error: { code: "not-found" },
    });
    const file = await shop.store("x.csv", "a,b\n1,2\n");
    const wrong = await shop.jobs.submit({ kind: "aggregate", input: { fileId: file.id } });
    expect(await shop.ended(wrong.id)).toMatchObject({ state: "failed", error: { code: "invalid" } });
  });

  test("an attempt that died after storing its result leaves one file", async () => {
    await using shop = openJobShop({ working: false });
    const file = await shop.store("plays.csv", "Song,Date,Number of Plays\na,1,2\n");
    const { id } = await shop.jobs.submit({ kind: "aggregate", input: { fileId: file.id } });
    const left = await shop.files.store(
      { id, name: "stale", mediaType: "text/csv", origin: `job:${id}` },
      none(),
    );
    expect(left.id).toBe(id);
    const results = new Results({
      files: shop.files,
      clock: systemClock,
      lifetime: null,
    });
    const handler = aggregateHandler({
      files: shop.files,
      results,
      aggregation: async () => new MemoryAggregation(),
    });
    const job = await shop.jobs.require(id);
    const signal = new AbortController().signal;
    const input = handler.kind.input.parse(job.input);
    await handler.run(input, { job, signal, progress: () => undefined, log: () => undefined });
    const { records } = await shop.files.page({ limit: 10 });
    expect(records.map(({ name }) => name).sort()).toEqual(["plays.csv", "plays_totals.csv"]);
  });
});

async function* none(): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode("stale");
}
