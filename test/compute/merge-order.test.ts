// The merge by keys, backwards, without repeats, with continuation lines, and of inputs that are not sorted.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { LineOrder } from "../../src/compute/line-order.ts";
import { type MergeInput, type MergeOptions, mergeSorted } from "../../src/compute/merge.ts";
import { timeKey } from "../../src/compute/time-key.ts";
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
