// A merge out of a bucket of a real S3 service, by the server as a user starts it.

import { expect, test } from "bun:test";
import { readdir, stat } from "node:fs/promises";
import type { JobEntry } from "../../src/wire/api.ts";
import { badNetwork } from "../support/bad-network.ts";
import { CAIRN, Program, run } from "../support/processes.ts";
import { S3Service } from "../support/s3-service.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

test("the logs of a bucket are merged, with the credentials of the environment", async () => {
  await using folder = await temporaryFolder();
  await using service = await S3Service.start();
  await service.createBucket("company");
  const client = service.client("company");
  const lines = (of: string) =>
    Array.from({ length: 50_000 }, (_, i) => `${String(i).padStart(7, "0")} ${of}\n`);
  await client.write("web/logs/2026-01-01_0.log", lines("a").join(""));
  await client.write("web/logs/2026-01-01_1.log", Bun.zstdCompressSync(lines("b").join("")));
  await client.write("web/2026-01-01_2.log", "outside\n");

  const flags = ["--logs", "s3://company/web/logs", "--results", "s3://company/results"];
  await using server = await serve(folder, environmentOf(service), flags);
  const [, dashboard = ""] = await server.untilLine(/^ *dashboard +(\S+)/m);
  const at = ["--server", new URL(dashboard).origin];
  const merged = await run([CAIRN, "merge", ...at, "--from", "2026-01-01", "-o", folder.at("out")]);
  expect(merged.output).toBe("");
  const b = lines("b");
  const expected = lines("a").flatMap((line, i) => [line, b[i] ?? ""]);
  expect((await Bun.file(folder.at("out")).text()) === expected.join("")).toBe(true);

  // The result lies in the bucket, and nowhere else; ranges of it are read from there.
  const { contents = [] } = await client.list({ prefix: "results/" });
  expect(contents.map(({ key, size }) => [key.slice(0, 10), size])).toEqual([
    ["results/r-", expected.join("").length],
  ]);
  const answer = await fetch(new URL("/api/files", dashboard));
  const { files } = (await answer.json()) as { files: { id: string }[] };
  const range = await fetch(new URL(`/files/${files[0]?.id}`, dashboard), {
    headers: { range: "bytes=500000-500009" },
  });
  expect([range.status, await range.text()]).toEqual([206, expected.join("").slice(500_000, 500_010)]);
  expect(
    (await readdir(folder.path, { recursive: true })).filter((name) => name.includes("/blobs/")),
  ).toEqual([]);
  const removed = await fetch(new URL(`/api/files/${files[0]?.id}`, dashboard), { method: "DELETE" });
  expect(removed.ok).toBe(true);
  expect((await client.list({ prefix: "results/" })).contents ?? []).toEqual([]);
}, 120_000);

test("an interrupt ends a merge in the middle: the job is cancelled, and its half-written result is gone", async () => {
  await using folder = await temporaryFolder();
  await using service = await S3Service.start();
  await service.createBucket("company");
  const lines = Array.from(
    { length: 400_000 },
    (_, i) => `${String(i).padStart(7, "0")} ${"x".repeat(40)}\n`,
  );
  await service.client("company").write("logs/2026-01-01_0.log", lines.join(""));
  // The object is longer than what the network lets through, so the merge cannot end by itself.
  await using network = await badNetwork(service.endpoint);
  network.freezeAfter(8_000_000);
  const env = { ...environmentOf(service), AWS_ENDPOINT_URL: network.origin };
  await using server = await serve(folder, env, ["--logs", "s3://company/logs"]);
  const [, dashboard = ""] = await server.untilLine(/^ *dashboard +(\S+)/m);
  const job = async () => {
    const answer = await fetch(new URL("/api/jobs", dashboard));
    return ((await answer.json()) as { jobs: JobEntry[] }).jobs[0];
  };

  const command = [CAIRN, "merge", "--server", new URL(dashboard).origin, "--from", "2026-01-01"];
  await using program = await Program.start([...command, "-o", folder.at("out")]);
  const running = await until("the job has got on", async () => {
    const now = await job();
    return now?.state === "running" && now.progress !== null && now.progress.done > 0 && now;
  });
  expect(running.progress?.done).toBeLessThan(lines.join("").length);
  const temporary = folder.at("db.sqlite.files", "temporary");
  await until("some of the result is written", async () => {
    const [name] = await readdir(temporary);
    return name !== undefined && (await stat(`${temporary}/${name}`)).size > 0;
  });

  expect((await program.end("SIGINT")).code).toBe(130);
  const ended = await until("the job has ended", async () => {
    const now = await job();
    return now?.state !== "running" && now;
  });
  expect(ended).toMatchObject({ id: running.id, state: "cancelled", attempts: 1, file: null });
  expect(await readdir(temporary)).toEqual([]);
  expect(await readdir(folder.at("db.sqlite.files", "blobs"))).toEqual([]);
  expect(await readdir(folder.path)).not.toContain("out");
}, 120_000);

test("results are refused a place among the logs", async () => {
  await using folder = await temporaryFolder();
  const flags = ["--logs", "s3://company/web/", "--results", "s3://company/web/results"];
  const { code, output } = await run([CAIRN, "serve", folder.at("db.sqlite"), ...flags]);
  expect(code).toBe(1);
  expect(output).toContain("lie within each other");
});

function serve(
  folder: TemporaryFolder,
  env: Readonly<Record<string, string>>,
  flags: readonly string[],
): Promise<Program> {
  const ports = ["memcached", "http", "image", "merge"].flatMap((door) => [`--${door}-port`, "0"]);
  return Program.start([CAIRN, "serve", folder.at("db.sqlite"), ...ports, ...flags], { env });
}

function environmentOf(service: S3Service): Readonly<Record<string, string>> {
  return {
    AWS_ACCESS_KEY_ID: service.accessKeyId,
    AWS_SECRET_ACCESS_KEY: service.secretAccessKey,
    AWS_ENDPOINT_URL: service.endpoint,
    AWS_REGION: "us-east-1",
  };
}
