// The merge against an oracle, for any input in any cuts, and against the real `sort -m`.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { logFiles } from "../../src/cli/generate/logs.ts";
import {
  type MergeInput,
  type MergeRun,
  type MergeScratch,
  mergeSorted,
  type SortedFile,
} from "../../src/compute/merge.ts";
import { Fault } from "../../src/wire/faults.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** The content in pieces whose sizes repeat `cuts`; remembers whether it was closed. */
class Source implements MergeInput {
  readonly name: string;
  closed = 0;
  opened = 0;
  readonly #content: Buffer;
  readonly #cuts: readonly number[];

  constructor(name: string, content: string | Buffer, cuts: readonly number[] = [65_536]) {
    this.name = name;
    this.#content = Buffer.from(content);
    this.#cuts = cuts;
  }

  /** The same as a file that is read without promises, in reads of the first cut's size; `false`: it tells no size. */
  asFile(sized: boolean): MergeInput {
    const most = this.#cuts[0] ?? 1;
    return {
      name: this.name,
      ...(sized && { size: this.#content.length }),
      open: () => {
        throw new Error("it is to be read as a file");
      },
      file: () => {
        this.opened += 1;
        return {
          size: this.#content.length,
          read: (into, position) => this.#content.copy(into.subarray(0, most), 0, position),
          close: () => {
            this.closed += 1;
          },
        };
      },
    };
  }

  async *open(): AsyncGenerator<Uint8Array> {
    this.opened += 1;
    try {
      for (let at = 0, i = 0; at < this.#content.length; i += 1) {
        const size = this.#cuts[i % this.#cuts.length] ?? 1;
        yield new Uint8Array(this.#content.subarray(at, at + size));
        at += size;
      }
    } finally {
      this.closed += 1;
    }
  }
}

/** Keeps runs in memory and counts those that are alive. */
class MemoryScratch implements MergeScratch {
  alive = 0;
  kept = 0;

  async keep(run: AsyncIterable<Uint8Array>): Promise<MergeRun> {
    const content = await bytesOf(run);
    this.alive += 1;
    this.kept += 1;
    const source = new Source(`run ${this.kept}`, content);
    return {
      name: source.name,
      open: () => source.open(),
      [Symbol.asyncDispose]: async () => {
        this.alive -= 1;
      },
    };
  }
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

function linesOf(content: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < content.length; ) {
    const newline = content.indexOf(10, at);
    const end = newline < 0 ? content.length : newline;
    lines.push(content.subarray(at, end));
    at = end + 1;
  }
  return lines;
}

function joined(lines: readonly Uint8Array[]): Buffer {
  return Buffer.concat(lines.flatMap((line) => [line, Buffer.from("\n")]));
}

function oracle(contents: readonly Buffer[]): Buffer {
  return joined(contents.flatMap(linesOf).sort(Buffer.compare));
}

const line = fc.oneof(
  fc.uint8Array({ maxLength: 12 }).map((bytes) => bytes.filter((byte) => byte !== 10)),
  fc.array(fc.constantFrom(0, 9, 11, 13, 97, 98, 255), { maxLength: 9 }).map((list) => Uint8Array.from(list)),
  fc.nat(6).map((n) => Buffer.from("2019-08-17:13:05:59 10.0.0.1 Mozilla".slice(0, 30 + n))),
);
/** Sorted lines, with or without a final newline. */
const content = fc.tuple(fc.array(line, { maxLength: 40 }), fc.boolean()).map(([lines, cut]) => {
  const bytes = joined(lines.sort(Buffer.compare));
  return cut && lines.at(-1)?.length ? bytes.subarray(0, -1) : bytes;
});
const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });

describe("merging any sorted inputs", () => {
  test("gives what sorting all their lines gives, however the streams are cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(content, cuts), { maxLength: 12 }), async (list) => {
        const sources = list.map(([bytes, sizes], i) => new Source(`f${i}`, bytes, sizes));
        expect(await bytesOf(mergeSorted(sources))).toEqual(oracle(list.map(([bytes]) => bytes)));
        expect(sources.map((source) => source.closed)).toEqual(sources.map(() => 1));
      }),
      { numRuns: 400 },
    );
  });

  test("gives the same of files that are read without promises", async () => {
    const kinds = fc.array(fc.tuple(content, cuts, fc.constantFrom("stream", "file", "sized")), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(kinds, async (list) => {
        const sources = list.map(([bytes, sizes], i) => new Source(`f${i}`, bytes, sizes));
        const inputs = sources.map((source, i) =>
          list[i]?.[2] === "stream" ? source : source.asFile(list[i]?.[2] === "sized"),
        );
        expect(await bytesOf(mergeSorted(inputs))).toEqual(oracle(list.map(([bytes]) => bytes)));
        expect(sources.map((source) => source.closed)).toEqual(sources.map(() => 1));
      }),
    );
  });

  test("small files are merged in one pass, however many", async () => {
    const contents = Array.from({ length: 3_000 }, (_, i) => Buffer.from(`${i % 977}\n`));
    const sources = contents.map((bytes, i) => new Source(`f${i}`, bytes));
    let [open, most] = [0, 0];
    const inputs = sources.map((source) => {
      const input = source.asFile(true);
      const file = () => {
        const opened = input.file?.() as SortedFile;
        open += 1;
        most = Math.max(most, open);
        return {
          ...opened,
          close: () => {
            open -= 1;
          },
        };
      };
      return { ...input, file };
    });
    expect(await bytesOf(mergeSorted(inputs))).toEqual(oracle(contents));
    const scratch = new MemoryScratch();
    const byKey = mergeSorted(inputs, { order: { key: { columns: [1] } }, scratch });
    expect(await bytesOf(byKey)).toEqual(oracle(contents));
    expect([open, most]).toEqual([0, 1]);
  });

  test("pieces in memory that is used again are the same, one after the other", async () => {
    const text = Array.from({ length: 200_000 }, (_, i) => String(i).padStart(7, "0")).join("\n");
    const copies: Buffer[] = [];
    let before: Uint8Array = new Uint8Array(0);
    for await (const piece of mergeSorted([new Source("f", text)], { reuse: true })) {
      // One piece may still be written while the next one is there.
      copies.push(Buffer.from(before));
      before = piece;
    }
    copies.push(Buffer.from(before));
    expect(copies.length).toBeGreaterThan(2);
    expect(Buffer.concat(copies).equals(Buffer.from(`${text}\n`))).toBe(true);
  });

  test("gives the same in several passes, and leaves no run behind", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(content, { maxLength: 20 }),
        fc.integer({ min: 2, max: 5 }),
        async (list, fanIn) => {
          const scratch = new MemoryScratch();
          const sources = list.map((bytes, i) => new Source(`f${i}`, bytes));
          expect(await bytesOf(mergeSorted(sources, { fanIn, scratch }))).toEqual(oracle(list));
          expect(scratch.alive).toBe(0);
          expect(scratch.kept > 0).toBe(list.length > fanIn);
          expect(sources.every((source) => source.opened === 1)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("is byte-identical with the real sort", async () => {
    await using folder = await temporaryFolder();
    for (const kind of ["disjoint", "interleaved", "words"] as const) {
      const sources: Source[] = [];
      for (const { name, text } of logFiles({
        days: 3,
        files: 5,
        lines: 700,
        end: "2026-11-20",
        kind,
        seed: 3,
      })) {
        await Bun.write(folder.at(kind, name), text);
        sources.push(new Source(name, text, [4_096]));
      }
      const paths = sources.map(({ name }) => folder.at(kind, name));
      const peer = Bun.spawnSync(["sort", "-m", ...paths], { env: { ...process.env, LC_ALL: "C" } });
      expect(peer.exitCode).toBe(0);
      expect((await bytesOf(mergeSorted(sources))).equals(peer.stdout)).toBe(true);
    }
  });

  test("takes 5,000 inputs", async () => {
    const scratch = new MemoryScratch();
    const contents = Array.from({ length: 5_000 }, (_, i) => Buffer.from(`${i % 977}\n${i % 977}x\n`));
    const sources = contents.map((bytes, i) => new Source(`f${i}`, bytes));
    expect(await bytesOf(mergeSorted(sources, { scratch }))).toEqual(oracle(contents));
    expect(scratch.kept).toBe(10);
  });
});

describe("lines", () => {
  const cases: Record<string, [string[], string]> = {
    "no input": [[], ""],
    "empty files": [["", ""], ""],
    "a missing last newline is supplied": [["b", "a\nc"], "a\nb\nc\n"],
    "a carriage return belongs to the line": [["a\r\nb\r\n", "a\nb\n"], "a\na\r\nb\nb\r\n"],
    "duplicates are kept": [["a\na\n", "a\n"], "a\na\na\n"],
    "empty lines": [["\n\na\n", "\n"], "\n\n\na\n"],
    "a prefix goes first, also before control bytes": [["a\u0001\n", "a\n"], "a\na\u0001\n"],
  };
  for (const [name, [contents, expected]] of Object.entries(cases)) {
    test(name, async () => {
      const sources = contents.map((text, i) => new Source(`f${i}`, text, [1]));
      expect(String(await bytesOf(mergeSorted(sources)))).toBe(expected);
    });
  }

  test("longer than any buffer, with long common prefixes", async () => {
    const long = "x".repeat(3_000_000);
    const contents = [`${long}a\n${long}c\n`, `${long}b\n`, `${long}\n${long}bb\n${long}d`, "a\nz\n"];
    const sources = contents.map((text, i) => new Source(`f${i}`, text));
    const expected = oracle(contents.map((text) => Buffer.from(text)));
    expect((await bytesOf(mergeSorted(sources))).equals(expected)).toBe(true);
  });

  test("of 64 MB are taken", async () => {
    const size = 64 * 1024 * 1024;
    const source = new Source("big", Buffer.concat([Buffer.from("a\n"), Buffer.alloc(size, "b")]), [1 << 20]);
    let bytes = 0;
    for await (const piece of mergeSorted([source])) bytes += piece.length;
    expect(bytes).toBe(2 + size + 1);
  });

  test("over the limit are a fault that names the file and the line", async () => {
    const source = new Source("big.log", `a\n${"b".repeat(200_000)}\n`);
    const merged = bytesOf(mergeSorted([source], { longestLine: 100_000 }));
    await expect(merged).rejects.toMatchObject({
      code: "too-large",
      message: expect.stringContaining("big.log, line 2"),
    });
    expect(source.closed).toBe(1);
  });
});

describe("what goes wrong", () => {
  test("an unsorted input is named, with the line and both lines", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3_000 }), cuts, async (at, sizes) => {
        const lines = Array.from({ length: 3_001 }, (_, i) => `line ${String(i).padStart(5, "0")}`);
        lines[at] = "early";
        const sources = [
          new Source("good", "a\nline 01000\nz\n"),
          new Source("bad.log", lines.join("\n"), sizes),
        ];
        const fault = await bytesOf(mergeSorted(sources)).catch((error: unknown) => error);
        expect(fault).toMatchObject({
          code: "invalid",
          details: {
            source: "bad.log",
            line: at + 1,
            previous: JSON.stringify(lines[at - 1]),
            found: '"early"',
          },
        });
        expect(sources.map((source) => source.closed)).toEqual([1, 1]);
      }),
      { numRuns: 25 },
    );
  });

  test("lines in messages are cut", async () => {
    const source = new Source("f", `${"b".repeat(5_000)}\n${"a".repeat(5_000)}\n`);
    const fault = await bytesOf(mergeSorted([source])).catch((error: unknown) => error);
    expect((fault as Fault).message.length).toBeLessThan(600);
  });

  test("more inputs than may be open need scratch", async () => {
    const sources = ["a", "b", "c"].map((name) => new Source(name, ""));
    await expect(bytesOf(mergeSorted(sources, { fanIn: 2 }))).rejects.toMatchObject({ code: "invalid" });
  });

  test("an error of an input is passed on, and all inputs are closed", async () => {
    const good = new Source("good", "a\nb\n");
    const broken: MergeInput = {
      name: "broken",
      async *open() {
        yield Buffer.from("a\n");
        throw new Fault("unreachable", "gone");
      },
    };
    const merged = bytesOf(mergeSorted([good, broken]));
    await expect(merged).rejects.toMatchObject({ code: "unreachable" });
    expect(good.closed).toBe(1);
  });

  test("a reader that stops early closes the inputs and removes the runs", async () => {
    const scratch = new MemoryScratch();
    const sources = Array.from({ length: 5 }, (_, i) => new Source(`f${i}`, "a\n".repeat(400_000)));
    for await (const piece of mergeSorted(sources, { fanIn: 3, scratch })) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    expect(sources.map((source) => source.closed)).toEqual([1, 1, 1, 1, 1]);
    expect([scratch.kept, scratch.alive]).toEqual([1, 0]);
  });

  test("an abort ends it with the signal's reason, while timers still run", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Fault("cancelled", "enough")), 20);
    const endless: MergeInput = {
      name: "endless",
      async *open() {
        const piece = Buffer.from("a\n".repeat(32_768));
        for (;;) yield piece;
      },
    };
    const merged = mergeSorted([endless, endless], { signal: controller.signal });
    const drain = async () => {
      for await (const piece of merged) if (piece.length === 0) break;
    };
    await expect(drain()).rejects.toMatchObject({ code: "cancelled" });
  });

  test("progress ends at the bytes of the inputs, also over several passes", async () => {
    const reports: number[] = [];
    const contents = Array.from({ length: 9 }, (_, i) => `${i}\n`.repeat(1_000));
    const sources = contents.map((text, i) => new Source(`f${i}`, text, [100]));
    const onProgress = (read: number) => reports.push(read);
    await bytesOf(mergeSorted(sources, { fanIn: 3, scratch: new MemoryScratch(), onProgress }));
    expect(reports.at(-1)).toBe(18_000);
    expect(reports).toEqual([...reports].sort((a, b) => a - b));
  });
});
