// The merge by keys, backwards, without repeats, with continuation lines, and of inputs that are not sorted.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { LineOrder } from "../../src/compute/line-order.ts";
import {
  type MergeInput,
  type MergeOptions,
  type MergeScratch,
  mergeSorted,
} from "../../src/compute/merge.ts";
import { timeKey } from "../../src/compute/time-key.ts";
import { failureOf } from "../support/failure.ts";
import { memoryScratch } from "../support/merge-runs.ts";

function inputOf(name: string, text: string, cut = 65_536): MergeInput {
  const content = Buffer.from(text);
  return {
    name,
    async *open() {
      for (let at = 0; at < content.length; at += cut) yield new Uint8Array(content.subarray(at, at + cut));
    },
  };
}

async function merge(texts: readonly string[], options: MergeOptions, cut?: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  const inputs = texts.map((text, i) => inputOf(`f${i}`, text, cut));
  for await (const piece of mergeSorted(inputs, options)) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces).toString();
}

const word = fc.string({ unit: fc.constantFrom("a", "b", "é", "0"), maxLength: 3 });
const line = fc.tuple(word, word, word).map((words) => words.join(";"));
const texts = fc.array(fc.array(line, { maxLength: 25 }), { maxLength: 8 });
const orderOf = fc.record({
  columns: fc.constantFrom(undefined, [1], [2], [3, 1], [2, 2, 9]),
  reverse: fc.boolean(),
  unique: fc.boolean(),
  prefix: fc.boolean(),
});

interface Choice {
  readonly columns: readonly number[] | undefined;
  readonly reverse: boolean;
  readonly unique: boolean;
  readonly prefix: boolean;
}

function compare(a: string, b: string, { columns, reverse }: Choice): number {
  const keys = (text: string) =>
    columns ? columns.map((column) => text.split(";")[column - 1] ?? "") : [text];
  const [x, y] = [keys(a), keys(b)];
  for (const [i, key] of x.entries()) {
    const order = Buffer.compare(Buffer.from(key), Buffer.from(y[i] ?? ""));
    if (order !== 0) return reverse ? -order : order;
  }
  return 0;
}

/** All lines by key and input, as an array sorts them, which is stable. */
function oracle(inputs: readonly (readonly string[])[], choice: Choice): string {
  const all = inputs.flatMap((lines, i) => lines.map((text) => ({ text, name: `f${i}` })));
  all.sort((a, b) => compare(a.text, b.text, choice));
  return all
    .filter(({ text }, i) => {
      const before = all[i - 1];
      return !(choice.unique && before && compare(before.text, text, choice) === 0);
    })
    .map(({ text, name }) => `${choice.prefix ? `${name}: ` : ""}${text}\n`)
    .join("");
}

function lineOrder({ columns, ...rest }: Choice): LineOrder {
  return { ...rest, ...(columns && { key: { columns, delimiter: ";" } }) };
}

const joined = (lines: readonly string[]) => lines.map((text) => `${text}\n`).join("");

describe("by any key and option", () => {
  test("gives what sorting all lines by the key gives, in one pass and in several", async () => {
    await fc.assert(
      fc.asyncProperty(
        texts,
        orderOf,
        fc.integer({ min: 1, max: 30 }),
        fc.boolean(),
        async (inputs, choice, cut, narrow) => {
          const sorted = inputs.map((lines) => lines.toSorted((a, b) => compare(a, b, choice)));
          const { state, scratch } = memoryScratch();
          const options = { order: lineOrder(choice), scratch, ...(narrow && { fanIn: 2 }) };
          expect(await merge(sorted.map(joined), options, cut)).toBe(oracle(sorted, choice));
          expect(state.alive).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("inputs that are not sorted are sorted first, whatever the memory", async () => {
    await fc.assert(
      fc.asyncProperty(
        texts,
        orderOf,
        fc.constantFrom(1, 1_000, 1_000_000),
        async (inputs, choice, sortMemory) => {
          const { state, scratch } = memoryScratch();
          const options = { order: lineOrder(choice), scratch, sortMemory, unsorted: "sort" as const };
          expect(await merge(inputs.map(joined), options, 50)).toBe(oracle(inputs, choice));
          expect(state.alive).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("an unsorted input of another key is named with its line", async () => {
    const merged = merge(["x 1\ny 0\n"], { order: { key: { columns: [2] } } });
    await expect(merged).rejects.toMatchObject({ code: "invalid", details: { source: "f0", line: 2 } });
  });

  test("sorting needs scratch; a column is a number from 1 on", async () => {
    await expect(merge(["b\na\n"], { unsorted: "sort" })).rejects.toMatchObject({ code: "invalid" });
    await expect(merge(["a\n"], { order: { key: { columns: [0] } } })).rejects.toMatchObject({
      code: "invalid",
    });
  });

  test("columns are separated by blanks unless a delimiter is given; a carriage return belongs to none", async () => {
    const order = { key: { columns: [2] } };
    expect(await merge(["  x \t 1\r\n", "y 0\n", "z 1\n"], { order })).toBe("y 0\n  x \t 1\r\nz 1\n");
  });
});

/** A time stamp, slowly: seconds and nanoseconds as hexadecimal digits. */
function oracleKey(line: string): string | undefined {
  const match =
    /^[["]?(\d{4})-(\d{2})-(\d{2})(?:[T :](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?(?: ?(Z|[+-]\d{2}(?::?\d{2})?)(?!\d))?)?/i.exec(
      line.slice(0, 64),
    );
  if (!match) return undefined;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone = "Z"] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const [hours, minutes] = /\d/.test(zone) ? [zone.slice(1, 3), zone.slice(3).replace(":", "")] : ["0", "0"];
  const east = (zone.startsWith("-") ? -1 : 1) * (Number(hours) * 3_600 + Number(minutes) * 60);
  const sinceMidnight = Number(hour) * 3_600 + Number(minute) * 60 + Number(second);
  // From ten days before the year 0 on, whose zones may reach before it.
  const seconds = date.getTime() / 1_000 + 62_167_219_200 + 864_000 + sinceMidnight - east;
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  return seconds.toString(16).padStart(12, "0") + nanoseconds.toString(16).padStart(8, "0");
}

describe("by time stamp", () => {
  const key = (text: string) => {
    const found = timeKey(Buffer.from(text), 0);
    return found && Buffer.from(found).toString("hex");
  };

  test("the same moment in any spelling is the same key", () => {
    const spellings = [
      "2019-08-17T13:05:59Z",
      "2019-08-17T15:05:59+02:00 x",
      "2019-08-17 08:05:59.000-0500",
      "2019-08-17:13:05:59",
      "[2019-08-17 13:05:59,0] x",
      '"2019-08-17T14:05:59+01"',
    ];
    expect(new Set(spellings.map(key)).size).toBe(1);
    expect(key("2019-08-17")).toBe(key("2019-08-17T00:00Z"));
  });

  test("keys are in the order of the moments, before 1970 too", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(-6e13), max: new Date(2e14), noInvalidDate: true }),
        fc.date({ min: new Date(-6e13), max: new Date(2e14), noInvalidDate: true }),
        (a, b) => {
          const [x, y] = [key(a.toISOString()) ?? "", key(b.toISOString()) ?? ""];
          expect(Math.sign(x < y ? -1 : x > y ? 1 : 0)).toBe(Math.sign(a.getTime() - b.getTime()));
        },
      ),
    );
    expect(String(key("2019-08-17T00:00:00.000000001Z")) > String(key("2019-08-17"))).toBe(true);
  });

  test("what is no moment has no key", () => {
    for (const text of ["", "x", "2019-02-30", "2019-13-01", "2019-08-17T25:00Z", "20190817", "[warn]"]) {
      expect(key(text)).toBeUndefined();
    }
  });

  test("lines without one stay with their parent; at a file's beginning with the first", async () => {
    const [a, b] = [
      "stray\n2026-01-01T10:00:00Z a1\n  at x\n\n2026-01-01T12:00:00Z a2",
      "2026-01-01T12:00:00+02:00 b1\nException\n2026-01-01T11:00:00Z b2\nz\n",
    ];
    const order = { key: { time: true }, continuation: true };
    expect(await merge([a, b], { order }, 7)).toBe(
      "stray\n2026-01-01T10:00:00Z a1\n  at x\n\n2026-01-01T12:00:00+02:00 b1\nException\n" +
        "2026-01-01T11:00:00Z b2\nz\n2026-01-01T12:00:00Z a2\n",
    );
    const prefixed = await merge(["2026-01-01 a\nb\n"], { order: { ...order, prefix: true } });
    expect(prefixed).toBe("f0: 2026-01-01 a\nf0: b\n");
  });

  test("what a time stamp is: as a regular expression and a calendar say", () => {
    const part = fc.constantFrom(
      "00",
      "01",
      "02",
      "12",
      "13",
      "24",
      "28",
      "29",
      "30",
      "31",
      "59",
      "60",
      "61",
      "9",
      "x1",
    );
    const between = fc.constantFrom("-", ":", "T", " ", "t", ".", ",", "");
    const zone = fc.constantFrom(
      "",
      "Z",
      "z",
      " Z",
      "Z1",
      "+02",
      "-0230",
      "+02:30",
      " +05:00",
      "+0230 1",
      "+02301",
      "+2",
      "-02:3",
      "+02:301",
    );
    const year = fc.constantFrom(
      "0000",
      "0001",
      "0099",
      "1900",
      "1970",
      "2000",
      "2023",
      "2024",
      "2100",
      "9999",
      "202a",
    );
    const fraction = fc.constantFrom(
      "",
      ".",
      ".5",
      ",123456789",
      ".1234567891",
      ".000000001",
      `.${"1".repeat(50)}`,
    );
    const likely = <T>(usual: T, other: fc.Arbitrary<T>) =>
      fc.oneof({ weight: 5, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });
    const text = fc
      .tuple(
        ...[
          fc.constantFrom("", "[", '"', "[["),
          year,
          likely("-", between),
          part,
          likely("-", between),
          part,
        ],
        ...[
          likely("T", between),
          part,
          likely(":", between),
          part,
          likely(":", between),
          part,
          fraction,
          zone,
        ],
        fc.constantFrom("", " x", "] y", "1", "\r"),
      )
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, fc.nat(30), (stamp, cut) => {
        const line = stamp.slice(0, stamp.length - Math.max(0, cut - 20));
        expect(key(line)).toBe(oracleKey(line));
      }),
      { numRuns: 5_000 },
    );
  });

  test("in any column; a line without one is named, unless continuation lines are wanted", async () => {
    const order = { key: { time: true, columns: [2], delimiter: "|" } };
    expect(await merge(["b|2026-01-02|x\n", "a|2026-01-03\n"], { order })).toBe(
      "b|2026-01-02|x\na|2026-01-03\n",
    );
    await expect(merge(["b|2026-01-02\nnothing\n"], { order })).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringContaining("f0, line 2"),
    });
  });

  test("without a time stamp, indented lines continue", async () => {
    const order = { continuation: true };
    expect(await merge(["a\n z\nc\n\ty\n", "b\n"], { order }, 3)).toBe("a\n z\nb\nc\n\ty\n");
  });
});

test("plain lines that are not sorted are sorted first; long ones in several passes", async () => {
  const { state, scratch } = memoryScratch();
  const long = "x".repeat(300_000);
  const texts = ["c\na\nb\n", "a\nb\n", `${long}\n${long.slice(1)}\n`];
  const merged = await merge(texts, { unsorted: "sort", scratch, sortMemory: 1_000, fanIn: 2 }, 1_000);
  expect(merged).toBe(["a", "a", "b", "b", "c", long.slice(1), long, ""].join("\n"));
  expect(state.alive).toBe(0);
});

test("a long record in pieces is put together once, and bounded", async () => {
  const text = `a\n${" b".repeat(50_000)}\n`;
  const order = { continuation: true };
  expect(await merge([text], { order }, 10)).toBe(text);
  await expect(merge([text], { order, longestLine: 50_000 }, 10)).rejects.toMatchObject({
    code: "too-large",
  });
});

describe("keys where they lie", () => {
  /** Any bytes but newlines, with many a delimiter and many a prefix in common. */
  const field = fc.oneof(
    fc.string({ unit: fc.constantFrom("a", "b", "\0", "\u0001", "\xff", " ", ";", "\r"), maxLength: 9 }),
    fc.nat(40).map((n) => `2020-01-01:00:00:${String(n).padStart(2, "0")}`),
  );
  const rows = fc.array(fc.array(field, { minLength: 1, maxLength: 4 }), { maxLength: 40 });

  for (const delimiter of [";", "; ", "a", "\r", ";\r", undefined]) {
    for (const columns of [[1], [2], [3, 1]]) {
      test(`columns ${columns} by ${JSON.stringify(delimiter)}: as split and sorted`, async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(rows, { maxLength: 6 }),
            fc.boolean(),
            fc.integer({ min: 1, max: 100 }),
            async (files, reverse, cut) => {
              const order: LineOrder = { key: { columns, ...(delimiter && { delimiter }) }, reverse };
              const texts = files.map((all) => all.map((row) => row.join(delimiter ?? " ")));
              const before = (a: string, b: string) => {
                for (const column of columns) {
                  const [x, y] = [columnOf(a, column, delimiter), columnOf(b, column, delimiter)];
                  const order = Buffer.compare(Buffer.from(x, "latin1"), Buffer.from(y, "latin1"));
                  if (order !== 0) return reverse ? -order : order;
                }
                return 0;
              };
              const sorted = texts.map((lines) => lines.toSorted(before));
              const inputs = sorted.map((lines, i) => latinInput(`f${i}`, joined(lines), cut));
              const pieces = await Array.fromAsync(mergeSorted(inputs, { order }));
              expect(Buffer.concat(pieces).toString("latin1")).toBe(joined(sorted.flat().sort(before)));
            },
          ),
          { numRuns: 60 },
        );
      });
    }
  }

  test("long keys that differ only at their ends, and keys that are the beginning of others", async () => {
    const long = "k".repeat(700_000);
    const keys = [
      "",
      "k",
      "kk",
      "kkk",
      "kkkk",
      "kkkkk",
      `${long}`,
      `${long}\0`,
      `${long}a`,
      `${long}ab`,
      `${long}b`,
    ];
    const lines = keys.map((key, i) => `${key};${i}`);
    for (const reverse of [false, true]) {
      const sorted = reverse ? lines.toReversed() : lines;
      const texts = [
        sorted.filter((_, i) => i % 2 === 0),
        sorted.filter((_, i) => i % 2 === 1),
        sorted.slice(6),
      ];
      const merged = await merge(texts.map(joined), {
        order: { key: { columns: [1], delimiter: ";" }, reverse },
      });
      const place = (line: string) => (reverse ? -1 : 1) * lines.indexOf(line);
      expect(merged === joined(texts.flat().sort((a, b) => place(a) - place(b)))).toBe(true);
    }
  });
});

/** A column as the documents define it. */
function columnOf(line: string, column: number, delimiter: string | undefined): string {
  if (delimiter === undefined) {
    const text = line.endsWith("\r") ? line.slice(0, -1) : line;
    return text.split(/[ \t]+/).filter(Boolean)[column - 1] ?? "";
  }
  // A delimiter that begins before the carriage return of the line end is one, and what it takes of it is gone.
  const parts = line.split(delimiter);
  const end = line.endsWith("\r") ? line.length - 1 : line.length;
  const start = parts.slice(0, column - 1).reduce((sum, part) => sum + part.length + delimiter.length, 0);
  return parts.length < column || start > end
    ? ""
    : line.slice(start, Math.min(end, start + (parts[column - 1] ?? "").length));
}

function latinInput(name: string, text: string, cut: number): MergeInput {
  const content = Buffer.from(text, "latin1");
  return {
    name,
    async *open() {
      for (let at = 0; at < content.length; at += cut) yield new Uint8Array(content.subarray(at, at + cut));
    },
  };
}

describe("records of several lines", () => {
  const order = { key: { time: true }, continuation: true } as const;
  const record = fc.tuple(
    fc.nat(30),
    fc.constantFrom("Z", "+01:00", ".5Z", ".000000001Z"),
    fc.array(fc.constantFrom("  at x", "", "Caused by", "20"), { maxLength: 4 }),
  );
  const options = fc.record({ reverse: fc.boolean(), unique: fc.boolean(), prefix: fc.boolean() });

  interface Block {
    readonly moment: bigint;
    readonly lines: readonly string[];
  }

  const blocksOf = (records: readonly [number, string, string[]][], file: number): Block[] =>
    records.map(([second, end, more]) => ({
      moment:
        BigInt(second - (end === "+01:00" ? 3_600 : 0)) * 1_000_000_000n +
        (end === ".5Z" ? 500_000_000n : end === ".000000001Z" ? 1n : 0n),
      lines: [`2020-01-01T12:00:${String(second).padStart(2, "0")}${end} ${file}`, ...more],
    }));

  for (const sorted of [true, false]) {
    const how = sorted ? "sorted" : "that are to be sorted";
    test(`of inputs ${how}: whole, in the order of their moments, in one pass and in several`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.array(record, { maxLength: 12 }), fc.nat(2)), { maxLength: 7 }),
          options,
          fc.boolean(),
          fc.integer({ min: 1, max: 90 }),
          async (files, choice, narrow, cut) => {
            const sign = choice.reverse ? -1 : 1;
            const byMoment = (a: Block, b: Block) => sign * Number(a.moment - b.moment);
            const stray = (count: number) => Array.from({ length: count }, (_, i) => ` stray ${i}`);
            const all = files.map(([records, strays], i) => {
              const blocks = blocksOf(records, i);
              if (sorted) blocks.sort(byMoment);
              const [first, ...rest] = blocks;
              // Lines before the first time stamp go with it, or alone before everything.
              if (first) return [{ ...first, lines: [...stray(strays), ...first.lines] }, ...rest];
              return strays > 0 ? [{ moment: -(10n ** 15n), lines: stray(strays) }] : [];
            });
            const text = (blocks: readonly Block[]) => joined(blocks.flatMap(({ lines }) => lines));
            const named = all.map((blocks, i) =>
              blocks.map(({ moment, lines }) => ({
                moment,
                lines: choice.prefix ? lines.map((line) => `f${i}: ${line}`) : lines,
              })),
            );
            const expected = named
              .flat()
              .sort(byMoment)
              .filter(({ moment }, i, list) => !(choice.unique && i > 0 && list[i - 1]?.moment === moment));
            const { state, scratch } = memoryScratch();
            const merged = await merge(
              all.map(text),
              {
                ...{ order: { ...order, ...choice }, scratch, sortMemory: 700 },
                ...(narrow && { fanIn: 2 }),
                ...(!sorted && { unsorted: "sort" as const }),
              },
              cut,
            );
            expect(merged).toBe(text(expected));
            expect(state.alive).toBe(0);
          },
        ),
        { numRuns: 200 },
      );
    });
  }

  test("may be longer than any line, and than the memory of their input", async () => {
    const trace = "  at somewhere\n".repeat(100_000);
    const [a, b] = [`2020-01-01 a\n${trace}2020-01-03 a\n`, `2020-01-02 b\n${trace}`];
    const merged = await merge([a, b], { order, longestLine: 5_000 });
    expect(merged === `2020-01-01 a\n${trace}2020-01-02 b\n${trace}2020-01-03 a\n`).toBe(true);
  });

  test("out of order are named with the line's own number", async () => {
    const text = `stray\n2020-01-02 a\n${"more\n".repeat(3_000)}2020-01-01 b\n`;
    expect(await failureOf(merge([text, "2020-01-02 x\n"], { order }, 100))).toMatchObject({
      code: "invalid",
      details: { source: "f0", line: 3_003, previous: '"2020-01-02 a"', found: '"2020-01-01 b"' },
    });
  });

  test("a run that was cut off is damage, and says so", async () => {
    const { scratch } = memoryScratch();
    const cutOff: MergeScratch = {
      keep: async (run) => {
        const kept = await scratch.keep(run);
        return {
          name: kept.name,
          async *open() {
            const bytes = Buffer.concat(await Array.fromAsync(kept.open(undefined)));
            yield bytes.subarray(0, -3);
          },
          [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
        };
      },
    };
    const texts = ["2020-01-01 a\n", "2020-01-02 b\n", "2020-01-03 c\n"];
    const merged = merge(texts, { order, scratch: cutOff, fanIn: 2 });
    expect(await failureOf(merged)).toMatchObject({ code: "corrupt" });
  });
});
