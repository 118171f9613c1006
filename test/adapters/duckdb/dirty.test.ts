// Dirty files, against an oracle that knows each row because it wrote it: no row vanishes, and sums are exact.

import { expect, test } from "bun:test";
import { open } from "node:fs/promises";
import fc from "fast-check";
import { DuckdbAggregation } from "../../../src/adapters/duckdb/aggregation.ts";
import type { AggregationQuery } from "../../../src/ports/aggregation.ts";
import { aggregate, PLAYS } from "../../conformance/aggregation.suite.ts";
import { failureOf } from "../../support/failure.ts";
import { BUN, run } from "../../support/processes.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const HEADER = "Song,Date,Number of Plays";

/** A row as its bytes, and what must become of it: a song and a number, or a rejection; null: it is no row. */
interface Row {
  readonly bytes: Buffer;
  readonly counted: readonly [string, bigint] | "rejected" | null;
}

const quoted = (field: string) => `"${field.replaceAll('"', '""')}"`;
const sound = fc
  .record({
    song: fc.constantFrom("a", "b", "é", 'q"q', "x,y", "l\nm", "r\r\ns", "\0", "#", "\u{1F600}", ""),
    plays: fc.oneof(
      fc.integer(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }),
      fc.constant(-(2n ** 63n)),
      fc.bigInt({ min: -(10n ** 27n), max: 10n ** 27n }),
    ),
    written: fc.constantFrom(
      (n: string) => n,
      (n: string) => `"${n}"`,
      (n: string) => ` ${n} `,
      (n: string) => `${n}.0`,
      (n: string) => (n.startsWith("-") ? n : `+${n}`),
      (n: string) => `${n}e0`,
    ),
    surplus: fc.constantFrom("", "", "", ",", ",,", ',""'),
  })
  .map(({ song, plays, written, surplus }): Row => {
    const text = `${quoted(song)},1,${written(String(plays))}${surplus}`;
    return { bytes: Buffer.from(text), counted: [song, BigInt(plays)] };
  });
const bare = fc
  .tuple(fc.constantFrom("a", "b", 'in"side', "c d"), fc.nat(999))
  .map(([song, n]): Row => ({ bytes: Buffer.from(`${song},1,${n}`), counted: [song, BigInt(n)] }));
const bad = fc
  .constantFrom(
    "a",
    "a,1",
    "a,1,2,3",
    "a,1,,5",
    "a,1,",
    "a,1,x",
    "a,1,1e400",
    "a,1,0x10",
    "a,1,1 2",
    "a,1,--1",
    'a,1,"1""2"',
    '"a"b,1,2',
    ",",
    " ",
    "\0",
  )
  .map((text): Row => ({ bytes: Buffer.from(text), counted: "rejected" }));
const foreign = fc.constantFrom([0xe9], [0xff, 0xfe], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf]).map(
  (bytes): Row => ({
    bytes: Buffer.concat([Buffer.from("a"), Buffer.from(bytes), Buffer.from("b,1,2")]),
    counted: "rejected",
  }),
);
const row = fc.oneof(
  { weight: 5, arbitrary: sound },
  { weight: 5, arbitrary: bare },
  { weight: 2, arbitrary: bad },
  { weight: 1, arbitrary: foreign },
  { weight: 1, arbitrary: fc.constant<Row>({ bytes: Buffer.alloc(0), counted: null }) },
);
const ends = fc.oneof(fc.constantFrom(["\n"], ["\r\n"], ["\r"]), fc.constant(["\n", "\r\n", "\r"]));

test("any rows, dirty and clean: each is counted or rejected, at its line and byte, and sums are exact", async () => {
  await using folder = await temporaryFolder();
  const aggregation = new DuckdbAggregation({ scratch: folder.at("s"), memory: 128 * 1_048_576, threads: 2 });
  let [sifted, clean] = [0, 0];
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 40 }),
      ends,
      fc.nat(),
      fc.boolean(),
      async (rows, kinds, seed, last) => {
        const end = (i: number) => Buffer.from(kinds[(seed + i * 7) % kinds.length] ?? "\n");
        const pieces: Buffer[] = [Buffer.from(HEADER), Buffer.from("\n")];
        const rejected: [number, number][] = [];
        const sums = new Map<string, bigint>();
        let counted = 0;
        let position = HEADER.length + 1;
        // A `\r` and then a blank line's `\n` would be one line end.
        const plain = kinds.length === 1;
        rows.forEach(({ bytes, counted: fate }, i) => {
          const lineEnd =
            i === rows.length - 1 && last
              ? Buffer.alloc(0)
              : plain
                ? end(i)
                : bytes.length === 0 || rows[i + 1]?.bytes.length === 0
                  ? Buffer.from("\r\n")
                  : end(i);
          if (fate === "rejected") rejected.push([i + 2, position]);
          else if (fate !== null) {
            counted++;
            sums.set(fate[0], (sums.get(fate[0]) ?? 0n) + fate[1]);
          }
          pieces.push(bytes, lineEnd);
          position += bytes.length + lineEnd.length;
        });
        const outcome = await aggregate(aggregation, Buffer.concat(pieces), {
          ...PLAYS,
          groupBy: ["Song"],
        });
        expect({ rows: outcome.rows, rejected: outcome.rejected }).toEqual({
          rows: counted,
          rejected: rejected.length,
        });
        expect(
          outcome.rejects.map(({ line, position }) => [line, position] as [number, number | null]),
        ).toEqual(rejected);
        expect(new Map(outcome.table.slice(1).map(([song = "", sum = ""]) => [song, BigInt(sum)]))).toEqual(
          sums,
        );
        if (rejected.length > 0) sifted++;
        else clean++;
      },
    ),
    { numRuns: 150 },
  );
  expect(Math.min(sifted, clean)).toBeGreaterThan(5);
}, 120_000);

async function outcomeOf(content: string | Uint8Array, query: AggregationQuery = PLAYS) {
  await using folder = await temporaryFolder();
  const aggregation = new DuckdbAggregation({ scratch: folder.at("s"), memory: 128 * 1_048_576, threads: 2 });
  return await aggregate(aggregation, content, query);
}

test("a quote that is not closed costs its own line, also with quotes behind it and inside of fields", async () => {
  const { rows, rejects, table } = await outcomeOf(
    `${HEADER}\na,1,1\n"b,1,2\n"c",1,3\nd"d,1,4\ne,"1\n\n",5\nf,1,"6\n`,
  );
  expect(rows).toBe(4);
  expect(rejects.map(({ line, text }) => [line, text])).toEqual([
    [3, '"b,1,2'],
    [7, 'f,1,"6'],
  ]);
  expect(table.slice(1).map(([song]) => song)).toEqual(["a", "c", 'd"d', "e"]);
});

test("a column alone: a blank line is no row, an empty field is one", async () => {
  const query: AggregationQuery = { groupBy: ["k"], measures: [{ name: "n", of: "count", column: null }] };
  const { table, rows } = await outcomeOf('k\na\n\n""\na\n', query);
  expect(rows).toBe(3);
  expect(table.slice(1)).toEqual([
    ["", "1"],
    ["a", "2"],
  ]);
});

test("2,000 columns, of which some have the same name", async () => {
  const names = Array.from({ length: 2_000 }, (_, i) => `c${i % 1_999}`);
  const rows = Array.from({ length: 50 }, (_, i) =>
    names.map((_, column) => (column === 7 ? i : "x")).join(","),
  );
  const query: AggregationQuery = { groupBy: ["c5"], measures: [{ name: "n", of: "sum", column: "c7" }] };
  const clean = await outcomeOf(`${names.join(",")}\n${rows.join("\n")}\n`, query);
  expect(clean.table[1]).toEqual(["x", "1225"]);
  const dirty = await outcomeOf(`${names.join(",")}\n${rows.join("\n")}\nshort\n`, query);
  expect({ rows: dirty.rows, rejected: dirty.rejected, sum: dirty.table[1]?.[1] }).toEqual({
    rows: 50,
    rejected: 1,
    sum: "1225",
  });
});

test("a line of 100 MB is one rejected row, in bounded memory", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("long.csv");
  {
    await using file = await open(path, "w");
    await file.write(`${HEADER}\na,1,1\n`);
    for (let i = 0; i < 100; i++) await file.write(Buffer.alloc(1_000_000, "x"));
    await file.write(",1,2\nb,1,3\n");
  }
  const { rows, rejected, peak } = await onceIn(path, folder.at("s"), 256);
  expect({ rows, rejected }).toEqual({ rows: 2, rejected: 1 });
  expect(peak).toBeLessThan(256 * 1.25 * 1_048_576);
}, 60_000);

const LONG = [3_000_000, 5_000_000, 20_000_000];
test.each(LONG)(
  "a last line of %d bytes is rejected, with a line end or without, also when it is the only one",
  async (length) => {
    await using folder = await temporaryFolder();
    const engine = new DuckdbAggregation({ scratch: folder.at("s"), memory: 512 * 1_048_576, threads: 2 });
    const line = Buffer.alloc(length, "x");
    for (const [before, after] of [
      ["a,1,1\n".repeat(20), "\n"],
      ["a,1,1\r\n".repeat(20), "\r\n"],
      ["a,1,1\n".repeat(20), ""],
      ["", "\n"],
      ["", ""],
    ] as const) {
      const end = after.includes("\r") ? "\r\n" : "\n";
      const bytes = Buffer.concat([Buffer.from(HEADER + end + before), line, Buffer.from(after)]);
      const { rows, rejected } = await aggregate(engine, bytes);
      expect({ rows, rejected }).toEqual({ rows: before === "" ? 0 : 20, rejected: 1 });
    }
  },
  60_000,
);

test("totals that no longer can be exact fail with that", async () => {
  await using folder = await temporaryFolder();
  const engine = new DuckdbAggregation({ scratch: folder.at("s"), memory: 512 * 1_048_576, threads: 2 });
  const row = `a,1,${"9".repeat(29)}\n`;
  const failure = await failureOf(aggregate(engine, `${HEADER}\n${row.repeat(3)}`));
  expect(failure).toMatchObject({
    code: "invalid",
    message: expect.stringContaining("a total is too large"),
  });
});

test("a million bad rows are all in the rejects, in bounded memory", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("bad.csv");
  {
    await using file = await open(path, "w");
    await file.write(`${HEADER}\n`);
    for (let i = 0; i < 100; i++) {
      const lines = Array.from({ length: 10_000 }, (_, n) =>
        n % 10 === 0 ? `Song,1,${n}\n` : `Song,1,${n}x\n`,
      );
      await file.write(lines.join(""));
    }
  }
  const { rows, rejected, rejectLines, peak } = await onceIn(path, folder.at("s"), 256);
  console.log(`figure: aggregation of a file with 900,000 bad rows in 256 MiB: peak ${peak >> 20} MiB`);
  expect({ rows, rejected, rejectLines }).toEqual({ rows: 100_000, rejected: 900_000, rejectLines: 900_001 });
  expect(peak).toBeLessThan(256 * 1.25 * 1_048_576);
}, 60_000);

test("quotes with line breaks all over a large file are read alike by all threads", async () => {
  await using folder = await temporaryFolder();
  const path = folder.at("quoted.csv");
  const lines = Array.from(
    { length: 1_000 },
    (_, i) => `"Song\n${i},""x"",\n${"y".repeat(i % 97)}",1,${i}\n`,
  ).join("");
  {
    await using file = await open(path, "w");
    await file.write(`${HEADER}\n`);
    for (let i = 0; i < 300; i++) await file.write(lines);
  }
  const clean = await onceIn(path, folder.at("s"), 256);
  expect(clean).toMatchObject({ rows: 300_000, rejected: 0, groups: 1_000 });
  {
    await using file = await open(path, "a");
    await file.write("bad\n");
  }
  expect(await onceIn(path, folder.at("s"), 256)).toMatchObject({
    rows: 300_000,
    rejected: 1,
    groups: 1_000,
  });
}, 60_000);

async function onceIn(path: string, scratch: string, mebibytes: number) {
  const program = new URL("aggregate-once.ts", import.meta.url).pathname;
  const { code, output, stdout } = await run([BUN, program, path, scratch, String(mebibytes * 1_048_576)]);
  expect({ code, output }).toMatchObject({ code: 0 });
  return JSON.parse(stdout);
}
