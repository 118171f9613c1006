// Cutting a merge into parts: the parts' merges one after another are the merge of the whole, whatever the files hold.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { LineOrder } from "../../src/compute/line-order.ts";
import { type MergeInput, mergeSorted, type SortedFile } from "../../src/compute/merge.ts";
import { cutIntoParts, type MergePart } from "../../src/compute/merge-parts.ts";
import { failureOf } from "../support/failure.ts";

function fileOf(content: Buffer): SortedFile {
  return {
    size: content.length,
    read: (into, position) => content.copy(into, 0, position),
    close: () => undefined,
  };
}

function inputOf(name: string, content: Buffer): MergeInput {
  const open = () => {
    throw new Error("it is to be read as a file");
  };
  return { name, size: content.length, open, file: () => fileOf(content) };
}

async function textOf(inputs: readonly MergeInput[], order: LineOrder): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of mergeSorted(inputs, { order })) pieces.push(piece);
  return Buffer.concat(pieces).toString("latin1");
}

const inputsOf = (contents: readonly Buffer[]) => contents.map((bytes, i) => inputOf(`f${i}`, bytes));

function partsOf(contents: readonly Buffer[], order: LineOrder, spacing = 16): MergePart[] {
  return [...(cutIntoParts(contents.map(fileOf), { order, partSize: 4 * spacing, spacing }) ?? [])];
}

async function textInParts(contents: readonly Buffer[], parts: readonly MergePart[], order: LineOrder) {
  const texts: string[] = [];
  for (const part of parts) {
    const ranges = contents.map((bytes, i) => bytes.subarray(part[i]?.start, part[i]?.end));
    texts.push(await textOf(inputsOf(ranges), order));
  }
  return texts.join("");
}

const line = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "b", "\0", "z", " "), maxLength: 12 }),
  fc.nat(20).map((n) => `2020-01-01T00:00:${String(n).padStart(2, "0")} x`),
);
const lines = fc.array(line, { maxLength: 60 });
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a, "latin1"), Buffer.from(b, "latin1"));

describe("parts of sorted files", () => {
  for (const [name, order] of Object.entries<LineOrder>({
    "by their bytes": {},
    backwards: { reverse: true },
    "without repeats": { unique: true },
    "with their source": { prefix: true },
  })) {
    test(`${name}: one after another they are the merge of the whole`, async () => {
      let cut = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(lines, fc.boolean()), { maxLength: 8 }), async (list) => {
          const contents = list.map(([all, ended]) => {
            const sorted = all.sort(byBytes);
            if (order.reverse) sorted.reverse();
            const text = sorted.map((one) => `${one}\n`).join("");
            return Buffer.from(ended || text.endsWith("\n\n") ? text : text.slice(0, -1), "latin1");
          });
          const parts = partsOf(contents, order);
          cut += parts.length;
          if (parts.length === 0) return;
          expect(await textInParts(contents, parts, order)).toBe(await textOf(inputsOf(contents), order));
        }),
        { numRuns: 200 },
      );
      expect(cut).toBeGreaterThan(500);
    });
  }

  test("by a time stamp, with lines that continue another: no record is torn", async () => {
    const order = { key: { time: true }, continuation: true };
    const record = fc.tuple(
      fc.nat(59),
      fc.array(fc.constantFrom("  at x", "", "Caused by"), { maxLength: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(record, { maxLength: 30 }), { maxLength: 5 }), async (files) => {
        const contents = files.map((records, i) => {
          const text = records
            .sort(([a], [b]) => a - b)
            .map(([at, more]) =>
              [`2020-01-01T00:00:${String(at).padStart(2, "0")}Z ${i}`, ...more, ""].join("\n"),
            );
          return Buffer.from(`${i % 2 ? "leads on\n" : ""}${text.join("")}`);
        });
        const parts = partsOf(contents, order, 24);
        if (parts.length === 0) return;
        expect(await textInParts(contents, parts, order)).toBe(await textOf(inputsOf(contents), order));
      }),
    );
  });

  test("a part holds about what was asked for, and each byte is in one", () => {
    const contents = Array.from({ length: 20 }, (_, f) =>
      Buffer.from(
        Array.from({ length: 5_000 }, (_, i) => `${String(i * 20 + f).padStart(9, "0")}\n`).join(""),
      ),
    );
    const parts = partsOf(contents, {}, 500);
    const sizes = parts.map((part) => part.reduce((sum, { start, end }) => sum + end - start, 0));
    expect(sizes.reduce((a, b) => a + b)).toBe(20 * 50_000);
    expect(Math.max(...sizes)).toBeLessThan(2 * 2_000 + 20 * 500);
    expect(parts.length).toBeGreaterThan(100);
  });
});

describe("what is not sorted", () => {
  test("is out of order within a part, wherever the files are cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(lines, { minLength: 1, maxLength: 4 }), async (list) => {
        const contents = list.map((all) => Buffer.from(all.map((one) => `${one}\n`).join(""), "latin1"));
        const parts = partsOf(contents, {});
        if (parts.length === 0) return;
        const whole = await textOf(inputsOf(contents), {}).catch((error: Error) => error);
        const cut = await textInParts(contents, parts, {}).catch((error: Error) => error);
        expect(cut instanceof Error).toBe(whole instanceof Error);
        if (!(cut instanceof Error)) expect(cut).toBe(whole as string);
      }),
      { numRuns: 300 },
    );
  });
});

describe("files that are not cut", () => {
  test("lines of megabytes, lines without a key, and files that became shorter", async () => {
    const order = { key: { time: true } };
    const long = Buffer.from(`${"a".repeat(3_000_000)}\n${"b".repeat(3_000_000)}\n`);
    expect(partsOf([long], {}, 1_000_000)).toEqual([]);
    expect(partsOf([Buffer.from("no time\n".repeat(100))], order)).toEqual([]);
    const shorter = { ...fileOf(Buffer.from("a\n".repeat(10))), size: 10_000 };
    expect(cutIntoParts([shorter], { order: {}, partSize: 100, spacing: 50 })).toBeUndefined();
    expect(partsOf([Buffer.alloc(0)], {})).toEqual([]);
  });

  test("a line without a key behind the last look ends in the last part, whose merge tells of it", async () => {
    const stamps = Array.from(
      { length: 600 },
      (_, i) => `2020-01-01T00:${String((i / 60) | 0).padStart(2, "0")}:${String(i % 60).padStart(2, "0")}Z`,
    );
    stamps[401] = "no time at all here!";
    const contents = [Buffer.from(`${stamps.join("\n")}\n`)];
    const order = { key: { time: true } };
    const parts = partsOf(contents, order, 21 * 100);
    const fault = await failureOf(
      textInParts(contents, parts.length > 0 ? parts : [[{ start: 0, end: 12_600 }]], order),
    );
    expect(fault).toMatchObject({ code: "invalid", details: { source: "f0" } });
  });
});
