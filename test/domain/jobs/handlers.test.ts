// The merge and aggregation handlers, run by a worker over the reference adapters.

import { describe, expect, test } from "bun:test";
import { MemoryAggregation } from "../../../src/adapters/memory/aggregation.ts";
import { MemoryBucket } from "../../../src/adapters/memory/bucket.ts";
import { systemClock } from "../../../src/app/clock.ts";
import { aggregateHandler } from "../../../src/domain/jobs/aggregate.ts";
import { Results } from "../../../src/domain/jobs/results.ts";
import type { Bucket } from "../../../src/ports/bucket.ts";
import type { Job } from "../../../src/ports/queue.ts";
import { failureOf } from "../../support/failure.ts";
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

  test("takes compressed files by content, sorts what is not sorted, and orders as it is told", async () => {
    const lines = (text: string) => new TextEncoder().encode(text);
    const bucket = new MemoryBucket(
      new Map<string, Uint8Array>([
        ["2020-01-01_0.log", Bun.gzipSync(lines("2020-01-01T01:00Z a\n  more\n"))],
        ["2020-01-01_1.log", Bun.zstdCompressSync(lines("2020-01-01T03:00Z c\n2020-01-01T02:00Z b\n"))],
        ["2020-01-01_2.log", lines("2020-01-01T03:00+02:00 a2\n")],
      ]),
    );
    await using shop = openJobShop({ bucket, scratch: true });
    const { id } = await shop.jobs.submit({
      kind: "merge",
      input: {
        start: "2020-01-01",
        end: "2020-01-01",
        key: { time: true },
        continuation: true,
        unsorted: "sort",
        prefix: true,
      },
    });
    expect((await shop.ended(id)).error).toBeNull();
    expect((await shop.text(id)).replaceAll("2020-01-01_", "")).toBe(
      "0.log: 2020-01-01T01:00Z a\n0.log:   more\n2.log: 2020-01-01T03:00+02:00 a2\n1.log: 2020-01-01T02:00Z b\n1.log: 2020-01-01T03:00Z c\n",
    );
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

  test.each(["gzip", "zstd"] as const)(
    "a damaged %s file fails the job at once, by its name",
    async (form) => {
      const lines = Buffer.from("a\n".repeat(1_000));
      const coded = form === "gzip" ? Bun.gzipSync(lines) : Bun.zstdCompressSync(lines);
      const sound = ["2020-01-01_0.log", Buffer.from("b\n")] as const;
      const bucket = new MemoryBucket(new Map([sound, ["2020-01-01_1.log", coded.subarray(0, -3)]]));
      await using shop = openJobShop({ bucket });
      const { id } = await shop.jobs.submit({
        kind: "merge",
        input: { start: "2020-01-01", end: "2020-01-01" },
      });
      expect(await shop.ended(id)).toMatchObject({
        ...{ state: "failed", attempts: 1 },
        error: {
          code: "corrupt",
          message: expect.stringContaining(`2020-01-01_1.log: the ${form} data is damaged`),
        },
      });
      expect(await shop.files.get(id)).toBeUndefined();
    },
  );

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
      localFile: async () => undefined,
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
    expect(job.result).toEqual({ file: id, groups: 1, rows: 2, rejected: 1, rejects: `${id}-rejects` });
    expect(await shop.text(`${id}-rejects`)).toBe(
      'line,position,reason,text\n4,38,"Number of Plays: ""x"" is not a number","b,1,x"\n',
    );
    expect(await shop.files.get(`${id}-rejects`)).toMatchObject({ name: "plays_rejects.csv" });
    expect(job.log.map(({ text }) => text)).toEqual([
      'reading utf-8, delimiter ",", quote ", with a header',
      "2 rows in 1 groups, 1 rows rejected",
      'rejected line 4: Number of Plays: "x" is not a number: b,1,x',
    ]);
    expect(await shop.text(id)).toBe("Song,Date,Total Number of Plays for Date\na,1,5\n");
    expect(await shop.files.get(id)).toMatchObject({ name: "plays_totals.csv", mediaType: "text/csv" });
  });

  const totals = async (content: string | Uint8Array, input: Record<string, unknown>, name = "x.csv") => {
    const shop = openJobShop();
    await using _ = shop;
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const file = await shop.files.store({ name, mediaType: "text/csv", origin: "test" }, only(bytes));
    const { id } = await shop.jobs.submit({ kind: "aggregate", input: { fileId: file.id, ...input } });
    const job = await shop.ended(id);
    return {
      job,
      text: job.state === "succeeded" ? await shop.text(id) : "",
      file: await shop.files.get(id),
    };
  };
  const SHORT = { groupBy: ["k"], measures: { total: "sum(v)", rows: "count(*)" } };

  test("short measures, a condition, and JSON lines", async () => {
    const { job, text, file } = await totals("k,v\na,1\na,5\nb,7\n", {
      query: { ...SHORT, where: "v > 1 and not k = 'b'" },
      output: "jsonl",
    });
    expect(text).toBe('{"k":"a","total":5,"rows":1}\n');
    expect(job.result).toMatchObject({ rows: 1, excluded: 2, rejected: 0 });
    expect(file).toMatchObject({ name: "x_totals.jsonl", mediaType: "application/jsonl" });
  });

  const PLAIN = "k;v\né;1\nö;2\nä;3\n";
  const utf16 = (text: string, order: "le" | "be") => {
    const bytes = Buffer.from(`\uFEFF${text}`, "utf16le");
    return new Uint8Array(order === "le" ? bytes : bytes.swap16());
  };
  test.each([
    ["UTF-8 with a mark", new TextEncoder().encode(`\uFEFF${PLAIN}`)],
    ["UTF-16, little end first", utf16(PLAIN, "le")],
    ["UTF-16, big end first", utf16(PLAIN, "be")],
    ["Latin-1", new Uint8Array(Buffer.from(PLAIN, "latin1"))],
    ["gzip", Bun.gzipSync(new TextEncoder().encode(PLAIN))],
    ["zstd", new Uint8Array(Bun.zstdCompressSync(new TextEncoder().encode(PLAIN)))],
    ["gzip of UTF-16", Bun.gzipSync(new Uint8Array(utf16(PLAIN, "le")))],
  ])("%s, with semicolons, is detected by its content", async (_, bytes) => {
    const { text } = await totals(new Uint8Array(bytes), { query: SHORT });
    expect(text).toBe("k,total,rows\nä,3,1\né,1,1\nö,2,1\n");
  });

  test("what is detected can be overridden, and a file without a header has numbered columns", async () => {
    const forced = { delimiter: ",", quote: "'", header: true, encoding: "utf-8", compression: "none" };
    expect((await totals("k,v\n'a;b',1\n", { query: SHORT, format: forced })).text).toBe(
      "k,total,rows\na;b,1,1\n",
    );
    const query = { groupBy: ["column1"], measures: { n: "sum(column2)" } };
    expect((await totals("a|1\na|2\n", { query })).text).toBe("column1,n\na,3\n");
  });

  test("bad rows fail the job when they may not be, and damaged compression at once", async () => {
    const bad = "k,v\na,1\na,x\na,y\n";
    const strict = await totals(bad, { query: SHORT, onBadRow: "fail" });
    expect(strict.job).toMatchObject({ state: "failed", attempts: 1, error: { code: "invalid" } });
    expect(strict.job.error?.message).toBe(
      '2 rows are bad, and 0 are allowed; line 3: v: "x" is not a number',
    );
    expect((await totals(bad, { query: SHORT, rejectLimit: 1 })).job.state).toBe("failed");
    expect((await totals(bad, { query: SHORT, rejectLimit: 2 })).job.state).toBe("succeeded");
    const cut = new Uint8Array(Bun.gzipSync(new TextEncoder().encode(PLAIN))).subarray(0, 25);
    expect((await totals(cut, { query: SHORT })).job).toMatchObject({
      state: "failed",
      attempts: 1,
      error: { code: "corrupt" },
    });
  });

  test.each([
    [{ measures: { x: "total(v)" } }, "is not a measure"],
    [{ measures: {} }, "1 to 50 measures"],
    [{ where: "v >" }, "expected a number or a 'text' at its end"],
    [{ where: "1; drop table x" }, "expected a column"],
    [{ groupBy: ["k", " K"] }, 'two columns " K"'],
    [{ groupBy: ["k\0"] }, "may not contain NUL"],
    [{ measures: { "k\0": "count(*)" } }, "measures"],
    [{ measures: { total: "sum(v\0)" } }, "may not contain NUL"],
    [{ where: "k = 'a\0'" }, "may not contain NUL"],
    [{ measures: { k: "count(*)" } }, 'two columns "k"'],
  ])("refuses the query %j", async (part, message) => {
    await using shop = openJobShop({ working: false });
    const input = { fileId: "f", query: { ...SHORT, ...part } };
    const error = await shop.jobs.submit({ kind: "aggregate", input }).catch((caught) => caught);
    expect(error.code).toBe("invalid");
    expect(error.message).toContain(message);
  });

  test("a delimiter that is the quote is refused, and one that usually is one is not taken for both", async () => {
    await using shop = openJobShop({ working: false });
    const input = { fileId: "f", format: { delimiter: "|", quote: "|" } };
    const error = await failureOf(shop.jobs.submit({ kind: "aggregate", input }));
    expect(error).toMatchObject({ code: "invalid", message: expect.stringContaining("must differ") });
    const odd = await totals('k"v\na"1\n', { query: SHORT, format: { delimiter: '"' } });
    expect(odd.text).toBe("k,total,rows\na,1,1\n");
  });

  test("UTF-16 with half a character loses its row to the rejects, and nothing else", async () => {
    const bytes = new Uint8Array(utf16("k;v\na\uD83D;1\nb;2\n", "le"));
    const { text, job } = await totals(bytes, { query: SHORT });
    expect(text).toBe("k,total,rows\nb,2,1\n");
    expect(job.result).toMatchObject({ rows: 1, rejected: 1 });
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

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
