// Intermediate runs are whole, read as often as asked, and gone afterwards.

import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { DiskMergeRuns } from "../../../src/adapters/disk/merge-runs.ts";
import { mergeSorted } from "../../../src/compute/merge.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const pieces = async function* (...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
};

test("a merge of more inputs than may be open goes through runs on disk and removes them", async () => {
  await using folder = await temporaryFolder();
  const inputs = Array.from({ length: 20 }, (_, i) => ({
    name: `${i}`,
    open: () => pieces(`${String(i).padStart(2, "0")}\n`, "zz\n"),
  }));
  let merged = "";
  for await (const piece of mergeSorted(inputs, {
    fanIn: 3,
    scratch: new DiskMergeRuns(folder.at("runs")),
  })) {
    merged += new TextDecoder().decode(piece);
    expect((await readdir(folder.at("runs"))).length).toBeGreaterThan(0);
  }
  expect(merged).toBe(
    `${inputs.map(({ name }) => `${name.padStart(2, "0")}\n`).join("")}${"zz\n".repeat(20)}`,
  );
  expect(await readdir(folder.at("runs"))).toEqual([]);
});

test("a source that fails leaves no run", async () => {
  await using folder = await temporaryFolder();
  const broken = (async function* () {
    yield new Uint8Array(10);
    throw new Error("lost");
  })();
  const error = await new DiskMergeRuns(folder.at("runs")).keep(broken).catch((caught) => caught);
  expect(String(error)).toContain("lost");
  expect(await readdir(folder.at("runs"))).toEqual([]);
});
