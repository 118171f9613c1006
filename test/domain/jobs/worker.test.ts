// The worker's loop against the reference queue, with time moved by hand.

import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { MemoryQueue } from "../../../src/adapters/memory/queue.ts";
import { Jobs } from "../../../src/domain/jobs/jobs.ts";
import type { JobContext, JobHandler } from "../../../src/domain/jobs/kind.ts";
import { Worker, type WorkerOptions } from "../../../src/domain/jobs/worker.ts";
import type { Json } from "../../../src/ports/queue.ts";
import type { FileRecord } from "../../../src/ports/records.ts";
import { Fault } from "../../../src/wire/faults.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { until } from "../../support/until.ts";

const kind = { name: "k", input: z.json() };
type Work = (input: Json, context: JobContext) => Promise<Json>;

/** A shop with one worker that runs until the test ends. */
function open(work: Work, options: Partial<WorkerOptions> = {}) {
  const clock = new ManualClock();
  const queue = new MemoryQueue(clock);
  const stop = new AbortController();
  const handler: JobHandler = { kind, run: work };
  const worker = new Worker({ queue, clock, log: quietLog, name: "w", handlers: [handler], ...options });
  const jobs = new Jobs({ queue, state: queue, clock, kinds: [kind], onReady: () => worker.poke() });
  const done = worker.run(stop.signal);
  const submit = () => jobs.submit({ kind: "k", input: { a: 1 } }).then(({ id }) => id);
  return {
    clock,
    queue,
    jobs,
    worker,
    done,
    submit,
    stop,
    stateOf: (id: string, state: string) =>
      until(`the job is ${state}`, async () => (await queue.get(id))?.state === state && queue.get(id)),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await done;
    },
  };
}

/** Never ends but by its signal. */
const endless: Work = (_, { signal }) =>
  new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

describe("the worker", () => {
  test("an idle worker starts a new job at once, without time passing", async () => {
    await using shop = open(async (input) => ({ echo: input }));
    await shop.clock.untilSleeping();
    const job = await shop.stateOf(await shop.submit(), "succeeded");
    expect(job?.result).toEqual({ echo: { a: 1 } });
  });

  test("a job that nobody told it of is found by polling", async () => {
    await using shop = open(async () => null);
    await shop.clock.untilSleeping();
    await shop.queue.add({ id: "j", kind: "k", input: null });
    expect((await shop.queue.get("j"))?.state).toBe("queued");
    await shop.clock.advance(500);
    await shop.stateOf("j", "succeeded");
  });

  test("a long job keeps its lease, and shows progress and log", async () => {
    await using shop = open(async (_, context) => {
      context.progress({ done: 1, total: 2, unit: "bytes", phase: "half" });
      context.log("half way");
      return endless(null, context);
    });
    const id = await shop.submit();
    await shop.stateOf(id, "running");
    await shop.clock.untilSleeping();
    await shop.clock.advance(60_000);
    expect(await shop.queue.recover()).toBe(0);
    const job = await shop.queue.get(id);
    expect(job?.progress?.phase).toBe("half");
    expect(job?.log.map(({ text }) => text)).toEqual(["half way"]);
  });

  test("a running job is cancelled by its next heartbeat", async () => {
    await using shop = open(endless);
    const id = await shop.submit();
    await shop.stateOf(id, "running");
    await shop.jobs.cancel(id);
    await shop.clock.untilSleeping();
    await shop.clock.advance(1_000);
    expect((await shop.stateOf(id, "cancelled"))?.error?.code).toBe("cancelled");
  });

  test("an error is tried again with growing delays, then the job fails", async () => {
    let runs = 0;
    await using shop = open(async () => {
      runs++;
      throw new Error(`broken ${runs}`);
    });
    const id = await shop.submit();
    const seen: number[] = [];
    for (const attempt of [1, 2, 3]) {
      const job = await until("the attempt ends", async () => {
        await shop.clock.advance(100);
        const now = await shop.queue.get(id);
        return now?.attempts === attempt && now.state !== "running" && now;
      });
      seen.push(job.runAt - (job.startedAt ?? 0));
      expect(job.error).toMatchObject({ code: "internal", message: `broken ${attempt}` });
    }
    expect(seen.slice(0, 2)).toEqual([1_000, 2_000]);
    expect((await shop.queue.get(id))?.state).toBe("failed");
  });

  test("a fault of the input fails at once", async () => {
    await using shop = open(async () => {
      throw new Fault("invalid", "no such column", { hint: "look at the header" });
    });
    const job = await shop.stateOf(await shop.submit(), "failed");
    expect(job?.attempts).toBe(1);
    expect(job?.error).toEqual({ code: "invalid", message: "no such column", hint: "look at the header" });
  });

  test("a worker that stops gives its job back with the attempt forgiven", async () => {
    const shop = open(endless);
    const id = await shop.submit();
    await shop.stateOf(id, "running");
    shop.stop.abort();
    await shop.done;
    expect(await shop.queue.get(id)).toMatchObject({ state: "queued", attempts: 0, error: null });
  });

  test("a worker whose lease was lost throws its result away", async () => {
    const finish = Promise.withResolvers<Json>();
    await using shop = open(() => finish.promise);
    const id = await shop.submit();
    await shop.stateOf(id, "running");
    await shop.queue.recover({ worker: "w", how: "died" });
    const lease = await shop.queue.claim("successor", ["k"], 60_000);
    finish.resolve("stale");
    await shop.clock.untilSleeping();
    await shop.queue.complete(lease!, "fresh");
    expect((await shop.queue.get(id))?.result).toBe("fresh");
  });

  test("the handler of a lost lease is aborted", async () => {
    const aborted = Promise.withResolvers<unknown>();
    await using shop = open((input, context) => {
      context.signal.addEventListener("abort", () => aborted.resolve(context.signal.reason));
      return endless(input, context);
    });
    const id = await shop.submit();
    await shop.stateOf(id, "running");
    await shop.queue.recover({ worker: "w", how: "died" });
    await shop.queue.claim("successor", ["k"], 60_000);
    await shop.clock.untilSleeping();
    await shop.clock.advance(1_000);
    expect(await aborted.promise).toMatchObject({ code: "conflict" });
  });

  test("a spent worker ends after its job", async () => {
    const shop = open(async () => null, { spent: () => true });
    await shop.stateOf(await shop.submit(), "succeeded");
    await shop.done;
  });
});

describe("the service", () => {
  test("refuses unknown kinds and malformed inputs", async () => {
    await using shop = open(async () => null);
    const refusal = (submission: Parameters<Jobs["submit"]>[0]) =>
      shop.jobs.submit(submission).catch((error: Fault) => `${error.code}: ${error.message}`);
    expect(await refusal({ kind: "nope", input: {} })).toBe('invalid: there is no kind of job "nope"');
    expect(await refusal({ kind: "k", input: undefined })).toContain(
      "invalid: the input of this k job is malformed",
    );
  });

  test("a delayed job waits", async () => {
    await using shop = open(async () => null);
    const { id } = await shop.jobs.submit({ kind: "k", input: null, delay: 5_000 });
    await shop.clock.untilSleeping();
    await shop.clock.advance(4_000);
    expect((await shop.queue.get(id))?.state).toBe("queued");
    await shop.clock.advance(1_500);
    await shop.stateOf(id, "succeeded");
  });

  test("old jobs are forgotten", async () => {
    await using shop = open(async () => null);
    await shop.stateOf(await shop.submit(), "succeeded");
    expect(await shop.jobs.prune(60_000, 100)).toBe(0);
    await shop.clock.advance(60_000);
    expect(await shop.jobs.prune(60_000, 100)).toBe(1);
  });

  test("jobs beyond the number that is kept are forgotten, the oldest first, with the files they made", async () => {
    const clock = new ManualClock();
    const queue = new MemoryQueue(clock);
    const removed: string[] = [];
    const origins = new Map([
      ["made-1", "job:j1"],
      ["input", "upload:u"],
    ]);
    const files = {
      get: async (id: string) =>
        origins.has(id) ? ({ id, origin: origins.get(id) } as FileRecord) : undefined,
      remove: async (id: string) => {
        removed.push(id);
      },
    };
    const jobs = new Jobs({ queue, state: queue, clock, kinds: [kind], files });
    for (const id of ["j1", "j2"]) {
      await queue.add({ id, kind: "k", input: null });
      const lease = await queue.claim("w", ["k"], 1_000);
      if (lease) await queue.complete(lease, { file: `made-${id.slice(1)}`, of: "input", rows: 3 });
      await clock.advance(1);
    }
    expect(await jobs.prune(60_000, 1)).toBe(1);
    expect(removed).toEqual(["made-1"]);
    expect([await queue.get("j1"), (await queue.get("j2"))?.id]).toEqual([undefined, "j2"]);
  });
});
