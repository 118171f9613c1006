// What an aggregation costs the worker that runs it: memory within its limit, and an event loop that keeps turning.

import { expect, test } from "bun:test";
import { open, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { DuckdbAggregation } from "../../../src/adapters/duckdb/aggregation.ts";
import { PLAYS } from "../../conformance/aggregation.suite.ts";
import { BUN, run } from "../../support/processes.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const PROGRAM = fileURLToPath(new URL("aggregate-once.ts", import.meta.url));
const LIMIT = 256 * 1_048_576;
const ROWS = 1_500_000;
/** A third of a worker's lease: heartbeats come from the event loop. */
const LONGEST_STALL_MS = 5_000;

test("memory stays below the limit and a quarter, and heartbeats get their turn", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("plays.csv");
  const writer = Bun.file(path).writer();
  writer.write("Song,Date,Number of Plays\n");
  for (let row = 0; row < ROWS; row += 1_000) {
    const lines = Array.from({ length: 1_000 }, (_, i) => {
      const group = ((row + i) * 7_919) % 1_000_003;
      return `A song with a title of some length ${group},2020-01-01,${i}\n`;
    });
    writer.write(lines.join(""));
    await writer.flush();
  }
  await writer.end();
  const { code, output, stdout } = await run([BUN, PROGRAM, path, folder.at("scratch"), String(LIMIT)]);
  expect({ code, output }).toMatchObject({ code: 0 });
  const { rows, groups, peak, longestStall } = JSON.parse(stdout);
  console.log(`figure: aggregation of ${groups} groups in ${LIMIT >> 20} MiB: peak ${peak >> 20} MiB`);
  expect({ rows, groups }).toEqual({ rows: ROWS, groups: 1_000_003 });
  expect(peak).toBeLessThan(LIMIT * 1.25);
  expect(longestStall).toBeLessThan(LONGEST_STALL_MS);
}, 60_000);

test("memory stays below the limit and a quarter where the groups are long texts", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("plays.csv");
  const [wide, limit] = [350_000, 384 * 1_048_576];
  await using file = await open(path, "w");
  await file.appendFile("Song,Date,Number of Plays\n");
  for (let row = 0; row < wide; row += 1_000) {
    const name = (i: number) => `${"y".repeat(1_090)}${String((i * 7_919) % wide).padStart(10, "0")}`;
    const lines = Array.from({ length: 1_000 }, (_, i) => `${name(row + i)},2020-01-01,${row + i}\n`);
    await file.appendFile(lines.join(""));
  }
  const { code, output, stdout } = await run([BUN, PROGRAM, path, folder.at("scratch"), String(limit)]);
  expect({ code, output }).toMatchObject({ code: 0 });
  const { groups, peak } = JSON.parse(stdout);
  console.log(`figure: aggregation of long texts in ${limit >> 20} MiB: peak ${peak >> 20} MiB`);
  expect(groups).toBe(wide);
  expect(peak).toBeLessThan(limit * 1.25);
}, 90_000);

const groups = 150_000;

test("groups whose text is larger than the memory are written in order, all of them", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("plays.csv");
  const song = (i: number) => `${"x".repeat(1_000)}${String((i * 7_919) % groups).padStart(6, "0")}`;
  await using file = await open(path, "w");
  await file.appendFile("Song,Date,Number of Plays\n");
  for (let row = 0; row < groups; row += 1_000) {
    const lines = Array.from({ length: 1_000 }, (_, i) => `${song(row + i)},1,${row + i}\n`);
    await file.appendFile(lines.join(""));
  }
  // The least that it works with: 96 MiB, where the names of the groups are 144.
  const aggregation = new DuckdbAggregation({ scratch: folder.at("scratch"), memory: 1, threads: 2 });
  const options = { signal: new AbortController().signal, onProgress: () => undefined };
  const source = { content: { path }, size: Bun.file(path).size };
  await using result = await aggregation.aggregate(source, PLAYS, options);
  expect(result).toMatchObject({ groups, rows: groups, excluded: 0, rejected: 0 });
  const hash = new Bun.CryptoHasher("sha256");
  for await (const piece of result.output) hash.update(piece);
  const expected = new Bun.CryptoHasher("sha256");
  expected.update("Song,Date,Total Number of Plays for Date\n");
  const rows = Array.from({ length: groups }, (_, i) => i).sort(
    (a, b) => ((a * 7_919) % groups) - ((b * 7_919) % groups),
  );
  for (const i of rows) expected.update(`${song(i)},1,${i}\n`);
  expect(hash.digest("hex")).toBe(expected.digest("hex"));

  await using parquet = await aggregation.aggregate(source, { ...PLAYS, output: "parquet" }, options);
  expect(parquet).toMatchObject({ groups, rows: groups, excluded: 0, rejected: 0 });
  await writeFile(folder.at("totals.parquet"), parquet.output);
  expect(await lookInto(folder.at("totals.parquet"))).toEqual({
    rows: String(groups),
    total: String((groups * (groups - 1)) / 2),
    songs: String(groups),
    unordered: "0",
  });
}, 120_000);

async function lookInto(path: string): Promise<unknown> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  const reader = await connection.runAndReadAll(
    `SELECT count(*) AS rows, sum("Total Number of Plays for Date")::VARCHAR AS total, count(DISTINCT "Song") AS songs,
       count(*) FILTER (WHERE before >= "Song") AS unordered
     FROM (SELECT *, lag("Song") OVER (ORDER BY file_row_number) AS before
       FROM read_parquet('${path}', file_row_number = true))`,
  );
  return reader.getRowObjectsJson()[0];
}
