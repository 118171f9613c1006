// Worker processes that are killed, stopped, or lose their parent: jobs end once, with one whole result.

import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { systemClock } from "../../src/app/clock.ts";
import { Workers } from "../../src/app/workers.ts";
import { Jobs } from "../../src/domain/jobs/jobs.ts";
import { aggregateKind, mergeKind } from "../../src/domain/jobs/kinds.ts";
import type { JobEntry, Status, WorkerList } from "../../src/wire/api.ts";
import { Cairn } from "../support/cairn.ts";
import { BUN, CAIRN, childrenOf, Program, ROOT } from "../support/processes.ts";
import { quietLog } from "../support/quiet-log.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";
import { openWorkshop } from "./worker-process.ts";

const SCRIPT = `${ROOT}test/faults/worker-process.ts`;
const JSON_TYPE = { "content-type": "application/json" };
const RANGE = { start: "2020-01-01", end: "2020-01-31" };

/** A folder with logs of a month, a queue, and supervised workers on them. */
async function open(count: number, lines: number) {
  const folder = await temporaryFolder();
  await mkdir(folder.at("logs"), { recursive: true });
  const all: string[] = [];
  for (let day = 1; day <= 31; day++) {
    const part = Array.from(
      { length: lines },
      (_, i) => `${String(i).padStart(8, "0")} day ${day} ${"x".repeat(60)}\n`,
    );
    all.push(...part);
    await Bun.write(folder.at("logs", `2020-01-${String(day).padStart(2, "0")}_0.log`), part.join(""));
  }
  const shop = await openWorkshop(folder.path);
  const workers = new Workers({
    count,
    command: [BUN, SCRIPT, folder.path],
    env: {},
    clock: systemClock,
    log: quietLog,
    onDeath: (dead) => jobs.recover(dead),
  });
  const jobs = new Jobs({
    queue: shop.queue,
    state: shop.queueState,
    clock: systemClock,
    kinds: [mergeKind, aggregateKind],
    onReady: () => workers.poke(),
  });
  const stateOf = (id: string, state: string) =>
    until(`the job is ${state}`, async () => {
      const job = await shop.queue.get(id);
      return job?.state === state && job;
    });
  return {
    shop,
    jobs,
    workers,
    stateOf,
    expected: () => all.sort().join(""),
    [Symbol.asyncDispose]: async () => {
      await workers[Symbol.asyncDispose]();
      await shop[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const pidOf = (worker: string | null) => Number(worker?.split(":")[1]);

test("a job whose worker is killed again and again starts again at once, and its result is one whole file", async () => {
  await using site = await open(1, 20_000);
  const { id } = await site.jobs.submit({ kind: "merge", input: RANGE });
  const killed: (string | null)[] = [];
  for (const attempt of [1, 2]) {
    const job = await until("the attempt runs", async () => {
      const now = await site.shop.queue.get(id);
      return now?.attempts === attempt && now.state === "running" && now;
    });
    expect((await site.shop.files.page({ limit: 10 })).records).toEqual([]);
    process.kill(pidOf(job.worker), "SIGKILL");
    killed.push(job.worker);
  }
  const job = await site.stateOf(id, "succeeded");
  expect(job.attempts).toBe(3);
  expect(killed).not.toContain(job.worker);
  const { records } = await site.shop.files.page({ limit: 10 });
  expect(records.map((file) => file.id)).toEqual([id]);
  const content = await site.shop.files.open(await site.shop.files.require(id));
  expect((await new Response(content as Blob).text()) === site.expected()).toBe(true);
}, 30_000);

test("a job that kills its worker every time, as one without memory does, fails with that; the service goes on", async () => {
  await using site = await open(1, 20_000);
  const { id } = await site.jobs.submit({ kind: "merge", input: RANGE });
  for (const attempt of [1, 2, 3]) {
    const job = await until("the attempt runs", async () => {
      const now = await site.shop.queue.get(id);
      return now?.attempts === attempt && now.state === "running" && now;
    });
    process.kill(pidOf(job.worker), "SIGKILL");
  }
  const failed = await site.stateOf(id, "failed");
  expect(failed.error).toMatchObject({ code: "internal" });
  expect(failed.error?.message).toMatch(/was killed by SIGKILL during attempt 3 of 3/);
  expect((await site.shop.files.page({ limit: 10 })).records).toEqual([]);
  const next = await site.jobs.submit({ kind: "merge", input: { start: "2020-01-01", end: "2020-01-01" } });
  await site.stateOf(next.id, "succeeded");
}, 30_000);

test("two workers do many jobs, each to success once", async () => {
  await using site = await open(2, 10);
  await until("both are up", () => site.workers.alive === 2);
  const ids = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      site.jobs.submit({ kind: "merge", input: { start: "2020-01-01", end: `2020-01-${10 + (i % 20)}` } }),
    ),
  );
  await until("all have ended", async () => (await site.jobs.counts()).succeeded === ids.length);
  const { jobs } = await site.jobs.page({ limit: 100 });
  expect(jobs.every(({ attempts }) => attempts === 1)).toBe(true);
  expect((await site.shop.files.page({ limit: 100 })).records.length).toBe(60);
}, 30_000);

test("workers that die as soon as they start are not counted as alive, and how they end is told", async () => {
  const logged: string[] = [];
  const keep = (event: string, fields?: object) => logged.push(`${event} ${JSON.stringify(fields)}`);
  await using workers = new Workers({
    ...{ count: 2, command: ["sh", "-c", "exit 3"], env: {}, clock: systemClock },
    log: { ...quietLog, error: keep },
    onDeath: async () => undefined,
  });
  expect(workers.failing).toBeUndefined();
  await until("both have failed twice", () => workers.failing !== undefined && workers.alive === 0);
  expect(workers.failing).toBe("ended with code 3");
  await until("it is logged", () => logged.some((line) => line.startsWith("workers.none-alive")));
  expect(logged.at(-1)).toContain("ended with code 3");
}, 30_000);

test("the server's status tells of workers that are killed again and again", async () => {
  await using folder = await temporaryFolder();
  await using server = await Cairn.start({ database: folder.at("db.sqlite"), flags: ["--workers", "1"] });
  const { pid } = server.program;
  const status = async () => (await (await fetch(`${server.http}/api/status`)).json()) as Status;
  await until("the worker is up", async () => (await status()).workers === 1);
  expect((await status()).workersFailing).toBeUndefined();
  const failing = await until("it is told", async () => {
    for (const child of await childrenOf(pid)) process.kill(child, "SIGKILL");
    const now = await status();
    return now.workersFailing !== undefined && now;
  });
  expect(failing).toMatchObject({ workers: 0, workersFailing: "was killed by SIGKILL" });
}, 30_000);

test("a worker that was started by itself is known with what it does, and not once it is killed", async () => {
  await using folder = await temporaryFolder();
  const database = folder.at("db.sqlite");
  await using server = await Cairn.start({ database, flags: ["--workers", "0"] });
  const get = async (path: string) => (await fetch(server.http + path)).json();
  const status = async () => (await get("/api/status")) as Status;
  const workers = async () => ((await get("/api/workers")) as WorkerList).workers;
  expect((await status()).workers).toBe(0);
  await using alone = await Program.start([CAIRN, "worker", database]);
  await until("it is counted", async () => (await status()).workers === 1);
  expect(await workers()).toMatchObject([{ own: false, kinds: ["merge", "aggregate"], job: null }]);
  expect((await workers())[0]?.name).toContain(`:${alone.pid}:`);
  const body = JSON.stringify({ kind: "merge", input: { start: "2020-01-01", end: "2020-01-01" } });
  const added = await fetch(`${server.http}/api/jobs`, { method: "POST", body, headers: JSON_TYPE });
  const { id } = (await added.json()) as JobEntry;
  await until(
    "it did the job",
    async () => ((await get(`/api/jobs/${id}`)) as JobEntry).state === "succeeded",
  );
  await alone.end("SIGKILL");
  expect((await status()).workers).toBe(0);
  expect(await workers()).toEqual([]);
}, 30_000);

test("a worker that aggregated is replaced, so that its memory returns", async () => {
  await using site = await open(1, 1);
  const csv = (async function* () {
    yield new TextEncoder().encode("Song,Date,Number of Plays\na,1,2\na,1,9007199254740993\n");
  })();
  const file = await site.shop.files.store({ name: "p.csv", mediaType: "text/csv", origin: "test" }, csv);
  const first = await site.jobs.submit({ kind: "aggregate", input: { fileId: file.id } });
  const done = await site.stateOf(first.id, "succeeded");
  const content = await site.shop.files.open(await site.shop.files.require(first.id));
  expect(await new Response(content as Blob).text()).toBe(
    "Song,Date,Total Number of Plays for Date\na,1,9007199254740995\n",
  );
  const second = await site.jobs.submit({ kind: "merge", input: RANGE });
  expect((await site.stateOf(second.id, "succeeded")).worker).not.toBe(done.worker);
}, 30_000);

test("workers that stop give their job back", async () => {
  await using site = await open(1, 20_000);
  const { id } = await site.jobs.submit({ kind: "merge", input: RANGE });
  await site.stateOf(id, "running");
  await site.workers[Symbol.asyncDispose]();
  expect(site.workers.alive).toBe(0);
  expect(await site.shop.queue.get(id)).toMatchObject({ state: "queued", attempts: 0 });
}, 30_000);

test("workers end when their parent is killed", async () => {
  await using folder = await temporaryFolder();
  await mkdir(folder.at("logs"), { recursive: true });
  const parent = folder.at("parent.ts");
  await Bun.write(
    parent,
    `const child = Bun.spawn([process.execPath, ${JSON.stringify(SCRIPT)}, ${JSON.stringify(folder.path)}], {
       stdio: ["ignore", "inherit", "inherit"], ipc: () => undefined });
     console.log("child", child.pid);
     setInterval(() => undefined, 1000);\n`,
  );
  await using program = await Program.start([BUN, parent]);
  const pid = Number((await program.untilLine(/^child (\d+)$/m))[1]);
  await until("the child is up", () => Bun.file(folder.at("jobs.sqlite")).exists());
  await program.end("SIGKILL");
  await until("the child is gone", () => !isAlive(pid));
}, 30_000);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
