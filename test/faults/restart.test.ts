// A machine that went down in the middle of a job: server and worker are gone at once, and the job starts again with the server.

import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { JobEntry } from "../../src/wire/api.ts";
import { Cairn } from "../support/cairn.ts";
import { childrenOf } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const LINES = 400_000;

test("a job that ran when all was killed starts again at once, not when its lease has run out", async () => {
  await using folder = await temporaryFolder();
  await mkdir(folder.at("logs"));
  const lines = Array.from(
    { length: LINES },
    (_, i) => `${String(i).padStart(9, "0")} ${"x".repeat(90)}\n`,
  ).join("");
  for (const day of [1, 2, 3]) await Bun.write(folder.at("logs", `2024-01-0${day}_0.log`), lines);
  const options = {
    database: folder.at("cairn.sqlite"),
    flags: ["--logs", folder.at("logs"), "--log-level", "warn"],
  };
  let cairn = await Cairn.start(options);
  try {
    const body = JSON.stringify({ kind: "merge", input: { start: "2024-01-01", end: "2024-01-03" } });
    const headers = { "content-type": "application/json" };
    const added = await fetch(`${cairn.http}/api/jobs`, { method: "POST", headers, body });
    const { id } = JobEntry.parse(await added.json());
    const job = async () => JobEntry.parse(await (await fetch(`${cairn.http}/api/jobs/${id}`)).json());
    await until("it runs", async () => (await job()).state === "running");
    const workers = await childrenOf(cairn.pid);
    // Stopped first: a worker that sees its server die gives its job back.
    for (const worker of workers) process.kill(worker, "SIGSTOP");
    expect((await job()).state).toBe("running");
    const killed = cairn.kill();
    for (const worker of workers) process.kill(worker, "SIGKILL");
    await killed;
    cairn = await Cairn.start(options);
    const done = await until("it succeeds", async () => {
      const now = await job();
      return now.state === "succeeded" && now;
    });
    expect(done.attempts).toBe(2);
    // The lease would have lasted 15 s.
    expect(done.timings?.waited).toBeLessThan(10_000);
    expect(done.result).not.toBeNull();
  } finally {
    await cairn.stop();
  }
}, 60_000);
