// Merges on real threads: the same bytes and the same faults as on one, and nothing left behind.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { openSyncFile } from "../../src/adapters/disk/sync-file.ts";
import { mergeOnThreads } from "../../src/app/merge-threads.ts";
import { logFiles } from "../../src/cli/generate/logs.ts";
import type { LineOrder } from "../../src/compute/line-order.ts";
import { type MergeInput, type MergeOptions, mergeSorted } from "../../src/compute/merge.ts";
import { failureOf } from "../support/failure.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
  const plan = { days: 1, files: 9, lines: 8_000, end: "2026-11-20", kind: "interleaved", seed: 5 } as const;
  for (const { name, text } of logFiles(plan)) await Bun.write(folder.at("logs", name), text);
});
afterAll(() => folder[Symbol.asyncDispose]());

async function inputs(...more: string[]): Promise<MergeInput[]> {
  const names = (await readdir(folder.at("logs"))).sort();
  return [...names.map((name) => ["logs", name]), ...more.map((name) => [name])].map((path) => ({
    name: path.join("/"),
    size: Bun.file(folder.at(...path)).size,
    open: () => {
      throw new Error("it is to be read as a file");
    },
    file: () => openSyncFile(folder.at(...path)),
  }));
}

/** Small parts, so that each thread has many, and waits for the reader now and then. */
const SMALL = { threads: 3, least: 0, atOnce: 3 * 400_000 };

async function digestOf(pieces: AsyncIterable<Uint8Array>): Promise<{ sha256: string; bytes: number }> {
  const hasher = new Bun.CryptoHasher("sha256");
  let bytes = 0;
  for await (const piece of pieces) {
    hasher.update(piece);
    bytes += piece.length;
  }
  return { sha256: hasher.digest("hex"), bytes };
}

const handles = async () => (await readdir("/proc/self/fd")).length;

describe("the same as on one thread", () => {
  const orders: Record<string, LineOrder> = {
    "by bytes": {},
    "without repeats": { unique: true },
    "by a column": { key: { columns: [1] } },
    "with continuation lines": { key: { columns: [1] }, continuation: true },
  };
  for (const [name, order] of Object.entries(orders)) {
    test(name, async () => {
      const all = await inputs();
      const expected = await digestOf(mergeSorted(all, { order }));
      const before = await handles();
      for (const reuse of [true, false]) {
        let read = 0;
        const options: MergeOptions = { order, reuse, onProgress: (bytes) => (read = bytes) };
        expect(await digestOf(mergeOnThreads(all, options, SMALL))).toEqual(expected);
        expect(read).toBe(all.reduce((sum, { size = 0 }) => sum + size, 0));
      }
      expect(await handles()).toBeLessThan(before + 8);
    }, 60_000);
  }

  test("small merges, streams and inputs to be sorted are merged on one", async () => {
    const stream = { name: "s", open: () => new Blob(["b\n"]).stream() };
    const pieces = await Array.fromAsync(
      mergeOnThreads([stream, ...(await inputs("none"))].slice(0, 1), {}, SMALL),
    );
    expect(String(Buffer.concat(pieces))).toBe("b\n");
  });
});

describe("what goes wrong", () => {
  test("an unsorted file is named with the line's number in the file, not in the part", async () => {
    const text = await Bun.file(folder.at("logs", (await readdir(folder.at("logs"))).sort()[0] ?? "")).text();
    const lines = text.trimEnd().split("\n");
    [lines[6_000], lines[6_001]] = [lines[6_001] ?? "", lines[6_000] ?? ""];
    await Bun.write(folder.at("bad"), `${lines.join("\n")}\n`);
    const all = await inputs("bad");
    const fault = await failureOf(digestOf(mergeOnThreads(all, {}, SMALL)));
    expect(fault).toMatchObject({ code: "invalid", details: { source: "bad", line: 6_002 } });
    expect(fault).toEqual((await failureOf(digestOf(mergeSorted(all, {})))) as never);
  }, 60_000);

  test("a line that is too long is named with its number", async () => {
    const text = await Bun.file(folder.at("logs", (await readdir(folder.at("logs"))).sort()[0] ?? "")).text();
    await Bun.write(folder.at("long"), `${text}${"z".repeat(300_000)}\n`);
    const fault = await failureOf(
      digestOf(mergeOnThreads(await inputs("long"), { longestLine: 100_000 }, SMALL)),
    );
    expect(fault).toMatchObject({ code: "too-large", message: expect.stringContaining("long, line 8001") });
  }, 60_000);

  test("aborting ends it at once, and leaves no file open", async () => {
    const before = await handles();
    const abort = new AbortController();
    const merged = mergeOnThreads(await inputs(), { signal: abort.signal, reuse: true }, SMALL);
    expect((await merged.next()).done).toBe(false);
    abort.abort(new Error("enough"));
    expect(await failureOf(digestOf(merged))).toMatchObject({ message: "enough" });
    expect(await handles()).toBeLessThan(before + 8);
  }, 60_000);

  test("a reader that stops early leaves nothing running", async () => {
    const before = await handles();
    for (let i = 0; i < 5; i += 1) {
      for await (const piece of mergeOnThreads(await inputs(), { reuse: true }, SMALL)) {
        if (piece.length > 0) break;
      }
    }
    expect(await handles()).toBeLessThan(before + 8);
  }, 60_000);
});

test("a piece's bytes stay while the next one is there", async () => {
  const expected = await digestOf(mergeSorted(await inputs(), {}));
  const hasher = new Bun.CryptoHasher("sha256");
  let before: Uint8Array = new Uint8Array(0);
  for await (const piece of mergeOnThreads(await inputs(), { reuse: true }, SMALL)) {
    hasher.update(before);
    before = piece;
  }
  hasher.update(before);
  expect(hasher.digest("hex")).toBe(expected.sha256);
}, 60_000);
