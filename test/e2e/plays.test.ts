// A CSV of 1,000,000 rows by parallel Dropzone chunks; the totals compared with Python's own csv module.

import { expect, test } from "bun:test";
import { Cairn } from "../support/cairn.ts";
import { uploadByDropzone } from "../support/dropzone-upload.ts";
import { figure, timed } from "../support/figures.ts";
import { CAIRN, run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const ROWS = 1_000_000;
const TOTALS_BY_PYTHON = `
import csv, sys
totals = {}
with open(sys.argv[1], newline="", encoding="utf-8") as source:
    for row in csv.DictReader(source):
        key = (row["Song"], row["Date"])
        totals[key] = totals.get(key, 0) + int(row["Number of Plays"])
with open(sys.argv[2], newline="", encoding="utf-8") as result:
    rows = [((r["Song"], r["Date"]), int(r["Total Number of Plays for Date"])) for r in csv.DictReader(result)]
assert len(rows) == len(totals), (len(rows), len(totals))
assert dict(rows) == totals
assert [key for key, _ in rows] == sorted(totals), "not sorted by song, then date"
print("equal", len(rows))
`;

test("a million rows: upload in parallel chunks, job in a worker, result equal to Python's", async () => {
  await using folder = await temporaryFolder();
  const source = folder.at("plays.csv");
  expect(
    (await run([CAIRN, "generate", "plays", "--path", source, "--rows", String(ROWS), "--seed", "3"])).code,
  ).toBe(0);

  await using cairn = await Cairn.start({ database: folder.at("cairn.sqlite") });
  const upload = { origin: cairn.http, path: source, name: "plays.csv", dzuuid: crypto.randomUUID() };
  const uploaded = await timed(() => uploadByDropzone({ ...upload, chunkSize: 1_000_000, parallel: 8 }));
  const job = uploaded.result;
  const worked = await timed(() => until("the job is done", () => succeeded(cairn.http, job), 60_000));

  const result = await fetch(`${cairn.http}/api/download_file/${job}`);
  expect(result.status).toBe(200);
  expect(result.headers.get("content-disposition")).toStartWith("attachment");
  await Bun.write(folder.at("totals.csv"), result);
  const python = await run(["/usr/bin/python3", "-c", TOTALS_BY_PYTHON, source, folder.at("totals.csv")]);
  expect([python.code, python.output]).toEqual([0, expect.stringMatching(/^equal \d+\n$/)]);

  const whole = await Bun.file(folder.at("totals.csv")).bytes();
  const part = await fetch(`${cairn.http}/api/download_file/${job}`, { headers: { range: "bytes=100-199" } });
  expect([part.status, part.headers.get("content-range")]).toEqual([206, `bytes 100-199/${whole.length}`]);
  expect(await part.bytes()).toEqual(whole.slice(100, 200));
  const megabytes = Bun.file(source).size / 1e6;
  figure(
    `CSV of ${ROWS} rows (${megabytes.toFixed(0)} MB)`,
    `upload ${uploaded.seconds.toFixed(2)} s, job ${worked.seconds.toFixed(2)} s more`,
  );
});

async function succeeded(origin: string, job: string): Promise<boolean> {
  const response = await fetch(`${origin}/api/file_status/${job}`);
  const status = (await response.json()) as { job_status: string; jod_id: string; job_id: string };
  expect([status.jod_id, status.job_id]).toEqual([job, job]);
  return status.job_status === "SUCCESS";
}
