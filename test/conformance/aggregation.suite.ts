// The contract of ports/aggregation.ts, for every adapter.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MemoryAggregation } from "../../src/adapters/memory/aggregation.ts";
import { readRecords } from "../../src/adapters/memory/csv.ts";
import type {
  Aggregation,
  AggregationQuery,
  AggregationSource,
  Condition,
  CsvFormat,
  RejectedRow,
} from "../../src/ports/aggregation.ts";
import { isFault } from "../../src/wire/faults.ts";
import { temporaryFolder } from "../support/temporary.ts";

export interface AggregationFixture extends AsyncDisposable {
  readonly aggregation: Aggregation;
  /** Names of what lies in scratch now. */
  readonly scratch: () => Promise<readonly string[]>;
}

export interface Outcome {
  readonly table: readonly (readonly string[])[];
  readonly text: string;
  readonly groups: number;
  readonly rows: number;
  readonly excluded: number;
  readonly rejected: number;
  readonly rejects: readonly RejectedRow[];
  /** The whole rejects file, or null. */
  readonly rejectsText: string | null;
}

export const PLAYS: AggregationQuery = {
  groupBy: ["Song", "Date"],
  measures: [{ name: "Total Number of Plays for Date", of: "sum", column: "Number of Plays" }],
};
const ONE: AggregationQuery = { groupBy: [], measures: [{ name: "v", of: "sum", column: "v" }] };
const HEADER = "Song,Date,Number of Plays\n";

export async function aggregate(
  aggregation: Aggregation,
  content: string | Uint8Array | AggregationSource["content"],
  query: AggregationQuery = PLAYS,
  signal: AbortSignal = new AbortController().signal,
  format?: CsvFormat,
): Promise<Outcome> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const source =
    bytes instanceof Uint8Array
      ? { content: inPieces(bytes), size: bytes.length }
      : { content: bytes, size: 0 };
  const formatted = { ...source, ...(format && { format }) };
  await using result = await aggregation.aggregate(formatted, query, { signal, onProgress: () => undefined });
  const { groups, rows, excluded, rejected, rejects, rejectsOutput } = result;
  const read = (stream: AsyncIterable<Uint8Array>) =>
    new Response(stream as unknown as ReadableStream).text();
  const text = await read(result.output);
  const rejectsText = rejectsOutput && (await read(rejectsOutput));
  const table = readRecords(text).map(({ fields }) => fields);
  return { table, text, groups, rows, excluded, rejected, rejects, rejectsText };
}

export function aggregationConformance(name: string, open: () => Promise<AggregationFixture>): void {
  describe(`aggregation: ${name}`, () => {
    const outcomeOf = async (content: string | Uint8Array, query?: AggregationQuery, format?: CsvFormat) => {
      await using fixture = await open();
      const outcome = await aggregate(fixture.aggregation, content, query, undefined, format);
      expect(await fixture.scratch()).toEqual([]);
      return outcome;
    };
    const faultOf = async (content: string | Uint8Array, query: AggregationQuery = PLAYS) => {
      await using fixture = await open();
      const error = await aggregate(fixture.aggregation, content, query).catch((caught) => caught);
      expect(await fixture.scratch()).toEqual([]);
      expect(isFault(error)).toBe(true);
      return error;
    };

    test("totals by song and date, sorted by code point, in RFC 4180", async () => {
      const { text, groups, rows } = await outcomeOf(
        `${HEADER}b,2,1\nZ,1,1\na,02/01/2020,5\na,01/02/2020,7\na,02/01/2020,6\n\uFF5E,1,1\n\u{1F600},1,2\n"x, ""y""\nz",1,3\n`,
      );
      expect(text).toBe(
        'Song,Date,Total Number of Plays for Date\nZ,1,1\na,01/02/2020,7\na,02/01/2020,11\nb,2,1\n"x, ""y""\nz",1,3\n\uFF5E,1,1\n\u{1F600},1,2\n',
      );
      expect({ groups, rows }).toEqual({ groups: 7, rows: 8 });
    });

    test("columns are found by header, whatever its case, spaces and order", async () => {
      const { table } = await outcomeOf('extra, NUMBER OF PLAYS ,date,"song"\nq,4,d,s\nq,5,d,s\n');
      expect(table).toEqual([
        ["Song", "Date", "Total Number of Plays for Date"],
        ["s", "d", "9"],
      ]);
    });

    test.each([
      ["an empty file", ""],
      ["a header alone", HEADER],
      ["a header without a line end", HEADER.trim()],
      ["a header and blank lines", `${HEADER}\n\n`],
    ])("%s gives the header alone", async (_, content) => {
      const { text, rows, rejected, groups } = await outcomeOf(content);
      expect(text).toBe("Song,Date,Total Number of Plays for Date\n");
      expect({ rows, rejected, groups }).toEqual({ rows: 0, rejected: 0, groups: 0 });
    });

    test.each([
      ["LF", "\n"],
      ["CRLF", "\r\n"],
      ["CR", "\r"],
    ])("%s line ends, with and without a byte order mark", async (_, end) => {
      const content = `${HEADER}a,1,2\n"b\nc",1,3`.replaceAll("\n", end);
      for (const mark of ["", "\uFEFF"]) {
        expect((await outcomeOf(mark + content)).table.slice(1)).toEqual([
          ["a", "1", "2"],
          [`b${end}c`, "1", "3"],
        ]);
      }
    });

    test("line ends of several kinds in one file lose no row", async () => {
      const { table, rows } = await outcomeOf(
        "Song,Date,Number of Plays\r\na,1,2\r\nb,1,3\nc,1,4\r\nd,1,5\re,1,6",
      );
      expect(rows).toBe(5);
      expect(table.slice(1).map(([song]) => song)).toEqual(["a", "b", "c", "d", "e"]);
    });

    test("sums are exact beyond 2^53, and for decimals", async () => {
      const { table } = await outcomeOf(
        `${HEADER}a,1,9007199254740993\na,1,9007199254740993\nb,1,9223372036854775807\nb,1,9223372036854775807\nc,1,0.1\nc,1,0.2\nd,1,-5\nd,1,+3\nd,1, 1e2 \ne,1,12345678901234567890\ne,1,1\nf,1,007\n`,
      );
      expect(table.slice(1).map((row) => row[2])).toEqual([
        "18014398509481986",
        "18446744073709551614",
        "0.3",
        "98",
        "12345678901234567891",
        "7",
      ]);
    });

    test("bad rows are set apart with line and text, and no row vanishes", async () => {
      const { rows, rejected, rejects, table } = await outcomeOf(
        `${HEADER}a,1,2\nb,1\nc,1,2,3\nd,1,x\ne,1,\n\n"f\nf",1,0x10\ng,1,nan\nh,1,1${"0".repeat(40)}\na,1,3\ni,1,4,\n`,
      );
      expect({ rows, rejected }).toEqual({ rows: 3, rejected: 7 });
      expect(table.slice(1)).toEqual([
        ["a", "1", "5"],
        ["i", "1", "4"],
      ]);
      expect(rejects.map(({ line }) => line)).toEqual([3, 4, 5, 6, 8, 9, 10]);
      expect(rejects.slice(0, 5).map(({ text }) => text)).toEqual([
        "b,1",
        "c,1,2,3",
        "d,1,x",
        "e,1,",
        '"f\nf",1,0x10',
      ]);
      expect(rejects[0]?.reason).toMatch(/3.*2/);
      expect(rejects[2]?.reason).toBe('Number of Plays: "x" is not a number');
      expect(rejects[3]?.reason).toBe('Number of Plays: "" is not a number');
    });

    test.each(["\n", "\r\n"])(
      "the rejects file has line, byte position, reason and text, ends %j",
      async (end) => {
        const content = ["\uFEFFSong,Date,Number of Plays", "a,é,2", "b,1", 'c,"', "d,1,x"].join(end);
        const { rejects, rejectsText, rejected } = await outcomeOf(content);
        const bytes = Buffer.from(content);
        expect(rejected).toBe(3);
        for (const { position, text } of rejects) {
          expect(bytes.subarray(position).toString()).toStartWith(text);
        }
        expect(rejects.map(({ position }) => position)).toEqual(
          ["b,1", 'c,"', "d,1,x"].map((text) => bytes.indexOf(text)),
        );
        const [head, ...rows] = readRecords(rejectsText ?? "").map(({ fields }) => fields);
        expect(head).toEqual(["line", "position", "reason", "text"]);
        expect(rows.map(([line, , , text]) => [line, text])).toEqual([
          ["3", "b,1"],
          ["4", 'c,"'],
          ["5", "d,1,x"],
        ]);
        expect(rows.at(-1)?.[2]).toBe('Number of Plays: "x" is not a number');
        expect((await outcomeOf(`${HEADER}a,1,2\n`)).rejectsText).toBeNull();
      },
    );

    const ROWS = "k,v,t\na,1,x\na,25,\nb,3,y\nb,-1,o'c\nc,nan,x\nc,7,z\n";
    const where = (condition: Condition) =>
      outcomeOf(ROWS, {
        groupBy: ["k"],
        measures: [{ name: "n", of: "sum", column: "v" }],
        where: condition,
      });
    const over = { is: "compare", column: "V", operator: ">", value: { number: "2" } } as const;
    const half = { is: "compare", column: "v", operator: "<", value: { number: "3.5" } } as const;
    const named = { is: "in", column: "t", values: [{ text: "x" }, { text: "o'c" }] } as const;
    const empty = { is: "empty", column: "t" } as const;
    const cases: [string, Condition, string[], number][] = [
      ["a number", over, ["a,25", "b,3", "c,7"], 2],
      ["a fraction", half, ["a,1", "b,2"], 2],
      ["one of some texts", named, ["a,1", "b,-1"], 3],
      ["the empty field", empty, ["a,25"], 4],
      ["not", { is: "not", of: empty }, ["a,1", "b,2", "c,7"], 1],
      ["and", { is: "and", of: [over, { is: "not", of: empty }] }, ["b,3", "c,7"], 3],
      ["or", { is: "or", of: [empty, named] }, ["a,26", "b,-1"], 2],
      ["text order", { is: "compare", column: "t", operator: ">=", value: { text: "y" } }, ["b,3", "c,7"], 3],
      ["a number of a text", { is: "compare", column: "t", operator: "<>", value: { number: "1" } }, [], 5],
    ];
    test("where: integers are compared to the last digit", async () => {
      const [less, more] = ["123456789012345678", "123456789012345679"];
      const outcome = await outcomeOf(`k,v,t\na,1,${less}\nb,1,${more}\n`, {
        groupBy: ["k"],
        measures: [{ name: "n", of: "count", column: null }],
        where: { is: "compare", column: "t", operator: "=", value: { number: `+${more}` } },
      });
      expect(outcome.table.slice(1)).toEqual([["b", "1"]]);
    });

    test.each(cases)("where: %s", async (_, condition, expected, excluded) => {
      const outcome = await where(condition);
      expect(outcome.table.slice(1).map((row) => row.join(","))).toEqual(expected);
      expect({ excluded: outcome.excluded, rejected: outcome.rejected }).toEqual({ excluded, rejected: 1 });
      expect(outcome.rows + outcome.excluded + outcome.rejected).toBe(6);
    });

    test("a column of the condition that is not there is named", async () => {
      const fault = await faultOf(ROWS, {
        groupBy: ["k"],
        measures: [],
        where: { is: "empty", column: "no" },
      });
      expect(fault.message).toContain('"no"');
    });

    test("JSON lines keep every digit", async () => {
      const { text } = await outcomeOf('k,"v ""x"""\n"a""\u2028\n",9007199254740993\nb,0.5\n', {
        groupBy: ["k"],
        measures: [
          { name: 'sum "v"', of: "sum", column: 'v "x"' },
          { name: "rows", of: "count", column: null },
        ],
        output: "jsonl",
      });
      expect(text.split("\n").filter(Boolean).length).toBe(2);
      expect(text).toContain('"sum \\"v\\"":9007199254740993,"rows":1}\n');
      expect(JSON.parse(text.split("\n")[0] ?? "")).toMatchObject({ k: 'a"\u2028\n', rows: 1 });
      expect(text).toContain('{"k":"b","sum \\"v\\"":0.5,"rows":1}\n');
    });

    test("other delimiters and quotes, and files without a header", async () => {
      const semicolons = { delimiter: ";", quote: "'", header: true };
      const { table } = await outcomeOf(
        "k;v\n'a;b''\"c';1\n'a;b''\"c';2\n",
        { ...ONE, groupBy: ["k"] },
        semicolons,
      );
      expect(table[1]).toEqual(["a;b'\"c", "3"]);
      const bare = { delimiter: "\t", quote: '"', header: false };
      const query = {
        groupBy: ["column1"],
        measures: [{ name: "v", of: "sum", column: "column2" }],
      } as const;
      expect((await outcomeOf("a\t1\na\t2\n", query, bare)).table[1]).toEqual(["a", "3"]);
    });

    test("a group of bad rows alone is not in the output", async () => {
      const { table, groups } = await outcomeOf(`${HEADER}a,1,x\nb,1,1\n`);
      expect(groups).toBe(1);
      expect(table.slice(1)).toEqual([["b", "1", "1"]]);
    });

    test("at most 1,000 rejects are named, all are counted", async () => {
      const { rejected, rejects } = await outcomeOf(HEADER + "a,1,x\n".repeat(1_500));
      expect(rejected).toBe(1_500);
      expect(rejects.length).toBe(1_000);
      expect(rejects.at(-1)?.line).toBe(1_001);
    });

    test("invalid bytes reject their row alone", async () => {
      const bytes = Buffer.concat([
        Buffer.from(`${HEADER}a,1,1\n`),
        Buffer.from([0xe9]),
        Buffer.from(",1,1\nc,1,1\n"),
      ]);
      const { rows, rejected } = await outcomeOf(new Uint8Array(bytes));
      expect({ rows, rejected }).toEqual({ rows: 2, rejected: 1 });
    });

    test("count, min, max and avg", async () => {
      const { table } = await outcomeOf("k,v,t\na,1,x\na,2.5,\na,10,y\nb,-3,z\n", {
        groupBy: ["k"],
        measures: [
          { name: "rows", of: "count", column: null },
          { name: "texts", of: "count", column: "t" },
          { name: "least", of: "min", column: "v" },
          { name: "most", of: "max", column: "v" },
          { name: "mean", of: "avg", column: "v" },
        ],
      });
      expect(table[0]).toEqual(["k", "rows", "texts", "least", "most", "mean"]);
      expect(table[1]?.slice(0, 5)).toEqual(["a", "3", "2", "1", "10"]);
      expect(Number(table[1]?.[5])).toBe(4.5);
      expect(table[2]?.slice(0, 5)).toEqual(["b", "1", "1", "-3", "-3"]);
    });

    test("names and values are data, never code", async () => {
      const song = `Song";DROP TABLE x;--`;
      const { table } = await outcomeOf(`"${song.replaceAll('"', '""')}","o'c",v\n"'); DROP",a,1\n`, {
        groupBy: [song, "O'C"],
        measures: [{ name: `sum"; --'`, of: "sum", column: "v" }],
      });
      expect(table).toEqual([
        [song, "O'C", `sum"; --'`],
        ["'); DROP", "a", "1"],
      ]);
    });

    test("a missing column is named with those that are there", async () => {
      const fault = await faultOf("Title,Date,Number of Plays\na,1,1\n");
      expect(fault.code).toBe("invalid");
      expect(fault.message).toContain('"Song"');
      expect(fault.hint).toContain('"Title", "Date", "Number of Plays"');
    });

    test("a header that is there twice is ambiguous only when it is asked for", async () => {
      expect((await faultOf("Song,song,Date,Number of Plays\n")).message).toContain("more than one column");
      expect((await outcomeOf("x,X,Song,Date,Number of Plays\n1,2,a,b,3\n")).table[1]).toEqual([
        "a",
        "b",
        "3",
      ]);
    });

    test("an aborted signal ends it, and its reason is thrown", async () => {
      await using fixture = await open();
      const reason = new Error("enough");
      const error = await aggregate(fixture.aggregation, HEADER, PLAYS, AbortSignal.abort(reason)).catch(
        (caught) => caught,
      );
      expect(error).toBe(reason);
      expect(await fixture.scratch()).toEqual([]);
    });

    test("a source that fails passes its error on and leaves nothing", async () => {
      await using fixture = await open();
      const broken = (async function* () {
        yield new TextEncoder().encode(HEADER);
        throw new Error("the disk went away");
      })();
      const error = await aggregate(fixture.aggregation, broken).catch((caught) => caught);
      expect(String(error)).toContain("the disk went away");
      expect(await fixture.scratch()).toEqual([]);
    });

    test("100,000 rows from a local file", async () => {
      await using folder = await temporaryFolder();
      const totals = new Map<string, bigint>();
      const lines = Array.from({ length: 100_000 }, (_, i) => {
        const [song, date, plays] = [`Song ${i % 977}`, `2020-01-${1 + (i % 31)}`, (i * 7919) % 1000];
        totals.set(`${song},${date}`, (totals.get(`${song},${date}`) ?? 0n) + BigInt(plays));
        return `${song},${date},${plays}\n`;
      });
      const path = folder.at("plays.csv");
      await Bun.write(path, HEADER + lines.join(""));
      await using fixture = await open();
      const { table, rows } = await aggregate(fixture.aggregation, { path });
      expect(rows).toBe(100_000);
      const expected = [...totals].map(([key, sum]) => `${key},${sum}`).sort();
      expect(table.slice(1).map((row) => row.join(","))).toEqual(expected);
    });

    test("agrees with the reference on any rows", async () => {
      await using fixture = await open();
      const reference = new MemoryAggregation();
      const cell = fc.oneof(
        fc.constantFrom(
          "a",
          "b",
          "",
          " a",
          "A",
          "é",
          "\u{1F600}",
          "\uFF5E",
          'q"q',
          "x,y",
          "l\nm",
          "r\r\ns",
          "#",
        ),
        fc.string({ maxLength: 5 }).filter((text) => !/\p{Cc}/u.test(text) && text.isWellFormed()),
      );
      const number = fc.oneof(
        fc.integer().map(String),
        fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map(String),
        fc.tuple(fc.integer(), fc.nat(999_999)).map(([a, b]) => `${a}.${b}`),
        fc.constantFrom(
          "",
          "x",
          "1_000",
          "0x10",
          ".5",
          "5.",
          " 7 ",
          "1e3",
          "1e-10",
          "-0",
          "--1",
          "inf",
          "1,5",
          "٣",
        ),
      );
      const quote = (field: string) => `"${field.replaceAll('"', '""')}"`;
      const row = fc.oneof(
        { weight: 8, arbitrary: fc.tuple(cell, cell, number).map((fields) => fields.map(quote)) },
        { weight: 1, arbitrary: fc.array(cell.map(quote), { minLength: 1, maxLength: 6 }) },
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(row, { maxLength: 30 }),
          fc.constantFrom("\n", "\r\n"),
          async (rows, end) => {
            const content = [HEADER.trim(), ...rows.map((fields) => fields.join(","))].join(end);
            const actual = await aggregate(fixture.aggregation, content);
            const expected = await aggregate(reference, content);
            expect(actual.table).toEqual(expected.table);
            expect({ rows: actual.rows, rejected: actual.rejected }).toEqual({
              rows: expected.rows,
              rejected: expected.rejected,
            });
            expect(actual.rejects.map(({ line }) => line)).toEqual(expected.rejects.map(({ line }) => line));
          },
        ),
        { numRuns: 40 },
      );
    }, 30_000);
  });
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 65_537) yield bytes.subarray(start, start + 65_537);
}
