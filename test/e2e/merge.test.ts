// 30 days × 10 files × 10,000 lines merged by a worker, compared with LC_ALL=C sort -m to the byte.

import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { Cairn } from "../support/cairn.ts";
import { figure, timed } from "../support/figures.ts";
import { CAIRN, run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

test("a date range is merged byte-identically with sort -m", async () => {
  await using folder = await temporaryFolder();
  const logs = folder.at("logs");
  const options = [
    "--path",
    logs,
    "--days",
    "30",
    "--files",
    "10",
    "--lines",
    "10000",
    "--end",
    "2019-08-17",
    "--seed",
    "1",
  ];
  expect((await run([CAIRN, "generate", "logs", ...options])).code).toBe(0);
  await Bun.write(`${logs}/README.txt`, "a foreign name in the bucket\n");
  const names = (await readdir(logs)).filter((name) => name.endsWith(".log")).sort(byDateAndSerial);
  expect(names.length).toBe(300);

  await using cairn = await Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--logs", logs] });
  const merged = await timed(() => merge(cairn.merge, "2019-07-19", "2019-08-17", folder.at("merged.log")));
  const sorted = await timed(() =>
    run(
      [
        "sort",
        "-m",
        "--batch-size=400",
        "-o",
        folder.at("expected.log"),
        ...names.map((name) => `${logs}/${name}`),
      ],
      {
        env: { LC_ALL: "C" },
      },
    ),
  );
  expect(sorted.result.code).toBe(0);
  expect((await run(["cmp", folder.at("merged.log"), folder.at("expected.log")])).code).toBe(0);
  figure(
    "merge of 30 × 10 × 10,000 lines, from request to downloaded file",
    `${merged.seconds.toFixed(2)} s (sort -m alone: ${sorted.seconds.toFixed(2)} s)`,
  );
  expect((await readdir(logs)).length).toBe(301);
});

async function merge(origin: string, start: string, end: string, path: string): Promise<void> {
  const initiated = await fetch(`${origin}/initiate`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ start_date: start, end_date: end }),
  });
  expect(initiated.status).toBe(200);
  const { download_id: id } = (await initiated.json()) as { download_id: string };
  const response = await until(
    "the merge is done",
    async () => {
      const answer = await fetch(`${origin}/download/${id}`);
      if (answer.status === 200) return answer;
      expect([answer.status, await answer.text()]).toEqual([202, expect.any(String)]);
      return undefined;
    },
    60_000,
  );
  await Bun.write(path, response);
}

function byDateAndSerial(a: string, b: string): number {
  const [dateA = "", serialA = ""] = a.split("_");
  const [dateB = "", serialB = ""] = b.split("_");
  return dateA < dateB ? -1 : dateA > dateB ? 1 : Number.parseInt(serialA, 10) - Number.parseInt(serialB, 10);
}
