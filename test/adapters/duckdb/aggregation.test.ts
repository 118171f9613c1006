// What only DuckDB can do wrong: not stop when told, keep scratch, leave the memory limit.

import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { DuckdbAggregation } from "../../../src/adapters/duckdb/aggregation.ts";
import { localInput } from "../../../src/adapters/duckdb/input.ts";
import { PLAYS } from "../../conformance/aggregation.suite.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** Rows of 4 digits of song, all different within a block, repeated. */
async function writePlays(path: string, blocks: number): Promise<number> {
  const rows = Array.from({ length: 10_000 }, (_, i) => `Song ${i},2020-01-01,${i % 100}\n`).join("");
  const writer = Bun.file(path).writer();
  writer.write("Song,Date,Number of Plays\n");
  for (let block = 0; block < blocks; block++) {
    writer.write(rows);
    await writer.flush();
  }
  await writer.end();
  return Bun.file(path).size;
}

test("a running query is interrupted, with the signal's reason, and leaves no scratch", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("plays.csv");
  const size = await writePlays(path, 600);
  const scratch = folder.at("scratch");
  const aggregation = new DuckdbAggregation({ scratch, memory: 128 * 1_048_576, threads: 1 });
  const abort = new AbortController();
  const reason = new Error("cancelled by the test");
  const error = await aggregation
    .aggregate({ content: { path }, size }, PLAYS, {
      signal: abort.signal,
      onProgress: () => abort.abort(reason),
    })
    .catch((caught) => caught);
  expect(error).toBe(reason);
  expect(await readdir(scratch)).toEqual([]);
}, 20_000);

test("progress counts bytes up to the size, and a result is disposed of with its scratch", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("plays.csv");
  const size = await writePlays(path, 20);
  const scratch = folder.at("scratch");
  const aggregation = new DuckdbAggregation({ scratch, memory: 128 * 1_048_576, threads: 2 });
  const seen: number[] = [];
  {
    await using result = await aggregation.aggregate({ content: { path }, size }, PLAYS, {
      signal: new AbortController().signal,
      onProgress: (bytes) => seen.push(bytes),
    });
    expect({ rows: result.rows, groups: result.groups }).toEqual({ rows: 200_000, groups: 10_000 });
    expect((await readdir(scratch)).length).toBe(1);
  }
  expect(await readdir(scratch)).toEqual([]);
  expect(seen.every((bytes) => bytes >= 0 && bytes <= size)).toBe(true);
});

test("a quote that never closes is one rejected row, and those after it are counted", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("plays.csv");
  await Bun.write(path, 'Song,Date,Number of Plays\na,1,2\n"b,1,3\nc,1,4\n');
  const aggregation = new DuckdbAggregation({ scratch: folder.at("s"), memory: 128 * 1_048_576, threads: 2 });
  await using result = await aggregation.aggregate({ content: { path }, size: 50 }, PLAYS, {
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  expect({ rows: result.rows, rejected: result.rejected }).toEqual({ rows: 2, rejected: 1 });
  expect(result.rejects[0]).toMatchObject({ line: 3, reason: "a quote is not closed" });
});

test("a full disk fails the spooling of the input", async () => {
  const content = (async function* () {
    yield new Uint8Array(2_000_000);
  })();
  const error = await localInput({ content }, "/dev/full", new AbortController().signal).catch(
    (caught) => caught,
  );
  expect(error.code).toBe("ENOSPC");
});

test("quotes that are not closed in the middle of a large file cost their own lines only", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("plays.csv");
  const rows = Array.from({ length: 300_000 }, (_, i) => `Song ${i % 100},2020-01-01,${i % 10}\n`);
  rows[10] = '"open,1,3\n';
  rows[150_000] = '"also open,1,3\n';
  rows[200_000] = "x\n";
  rows[299_999] = 'last,"1,3';
  await Bun.write(path, `Song,Date,Number of Plays\n${rows.join("")}`);
  const aggregation = new DuckdbAggregation({ scratch: folder.at("s"), memory: 256 * 1_048_576, threads: 2 });
  await using result = await aggregation.aggregate({ content: { path }, size: 1 }, PLAYS, {
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  expect({ rows: result.rows, rejected: result.rejected }).toEqual({ rows: 299_996, rejected: 4 });
  expect(result.rejects.map(({ line }) => line)).toEqual([12, 150_002, 200_002, 300_001]);
  expect(result.rejects[1]).toMatchObject({ reason: "a quote is not closed", text: '"also open,1,3' });
});

test("Parquet has integers, counts and averages in types that keep them", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("x.csv");
  await Bun.write(path, "k,v\na,9007199254740993\na,9007199254740993\nb,1\n");
  const aggregation = new DuckdbAggregation({ scratch: folder.at("s"), memory: 256 * 1_048_576, threads: 2 });
  const query = {
    groupBy: ["k"],
    measures: [
      { name: "total", of: "sum", column: "v" },
      { name: "rows", of: "count", column: null },
      { name: "mean", of: "avg", column: "v" },
    ],
    output: "parquet",
  } as const;
  await using result = await aggregation.aggregate({ content: { path }, size: 1 }, query, {
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  const parquet = folder.at("x.parquet");
  await Bun.write(parquet, new Response(result.output as unknown as ReadableStream));
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  const reader = await connection.runAndReadAll(`SELECT *, typeof(total), typeof(rows) FROM '${parquet}'`);
  expect(reader.getRowsJson()).toEqual([
    ["a", "18014398509481986", "2", 9007199254740992, "DECIMAL(38,0)", "BIGINT"],
    ["b", "1", "1", 1, "DECIMAL(38,0)", "BIGINT"],
  ]);
  connection.closeSync();
});
