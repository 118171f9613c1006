// The contract of ports/queue.ts, for every adapter.

import { describe, expect, test } from "bun:test";
import type { Job, JobError, Lease, NewJob, Queue } from "../../src/ports/queue.ts";
import { isFault } from "../../src/wire/faults.ts";
import { ManualClock } from "../support/manual-clock.ts";

export interface QueueFixture extends AsyncDisposable {
  /** Several handles on one queue, as several processes have them; the same one where an adapter has only one. */
  readonly queues: readonly [Queue, Queue];
}

const LEASE_MS = 10_000;
const BROKEN: JobError = { code: "internal", message: "it broke", hint: "mend it" };

export function queueConformance(name: string, open: (clock: ManualClock) => Promise<QueueFixture>): void {
  describe(`queue: ${name}`, () => {
    const withQueue = (
      what: string,
      body: (queue: Queue, clock: ManualClock, other: Queue) => Promise<void>,
    ) =>
      test(what, async () => {
        const clock = new ManualClock();
        await using fixture = await open(clock);
        await body(fixture.queues[0], clock, fixture.queues[1]);
      });

    withQueue("a job is added, claimed, and completed", async (queue, clock, other) => {
      const added = await queue.add(newJob({ input: { start: "2020-01-01", list: [1, null, "é"] } }));
      expect(added).toMatchObject({
        state: "queued",
        attempts: 0,
        maxAttempts: 3,
        priority: 0,
        result: null,
        log: [],
      });
      expect(await other.get(added.id)).toEqual(added);
      await clock.advance(5);
      const lease = await claim(other);
      expect(lease.job).toMatchObject({
        id: added.id,
        state: "running",
        attempts: 1,
        worker: "w",
        startedAt: clock.now(),
      });
      expect(lease.expiresAt).toBe(clock.now() + LEASE_MS);
      await clock.advance(5);
      await other.complete(lease, { file: "f" });
      const ended = await queue.get(added.id);
      expect(ended).toMatchObject({
        state: "succeeded",
        result: { file: "f" },
        finishedAt: clock.now(),
        error: null,
      });
      expect(await queue.claim("w", ["k"], LEASE_MS)).toBeUndefined();
    });

    withQueue("a miss is a value", async (queue) => {
      expect(await queue.get("nope")).toBeUndefined();
      expect(await codeOf(queue.cancel("nope"))).toBe("not-found");
      expect(await codeOf(queue.retry("nope"))).toBe("not-found");
    });

    withQueue(
      "only what has ended is removed, once, and its idempotency key is free",
      async (queue, _, other) => {
        const ended = await queue.add(newJob({ idempotencyKey: "k" }));
        const waiting = await queue.add(newJob({ priority: -1 }));
        await queue.cancel(ended.id);
        const ids = [ended.id, waiting.id, "nope", ended.id];
        expect((await other.remove(ids)).map(({ id }) => id)).toEqual([ended.id]);
        expect(await queue.remove(ids)).toEqual([]);
        expect(await queue.get(ended.id)).toBeUndefined();
        expect((await queue.get(waiting.id))?.state).toBe("queued");
        expect(await queue.counts()).toMatchObject({ queued: 1, cancelled: 0 });
        expect((await queue.add(newJob({ idempotencyKey: "k" }))).id).not.toBe(ended.id);
      },
    );

    withQueue("a page leaves the logs out", async (queue, clock) => {
      const { id } = await queue.add(newJob({}));
      await queue.extend(await claim(queue), LEASE_MS, { log: [{ at: clock.now(), text: "a line" }] });
      expect((await queue.get(id))?.log).toHaveLength(1);
      expect((await queue.page({ limit: 10 })).jobs[0]).toMatchObject({ id, log: [], state: "running" });
    });

    withQueue("one idempotency key is one job, whatever has become of it", async (queue, _clock, other) => {
      const first = await queue.add(newJob({ idempotencyKey: "upload-1" }));
      const [again, third] = await Promise.all([
        other.add(newJob({ idempotencyKey: "upload-1", input: { other: true } })),
        queue.add(newJob({ idempotencyKey: "upload-1" })),
      ]);
      expect([again.id, third.id]).toEqual([first.id, first.id]);
      await queue.cancel(first.id);
      expect(await queue.add(newJob({ idempotencyKey: "upload-1" }))).toMatchObject({
        id: first.id,
        state: "cancelled",
      });
      expect((await queue.add(newJob({ idempotencyKey: "upload-2" }))).id).not.toBe(first.id);
      expect(await codeOf(queue.add(newJob({ id: first.id })))).toBe("conflict");
    });

    withQueue(
      "urgent before old before young; not before its time; only the kinds asked for",
      async (queue, clock) => {
        const jobs = [
          newJob({ id: "late", runAt: clock.now() + 1_000, priority: 9 }),
          newJob({ id: "old" }),
          newJob({ id: "young" }),
          newJob({ id: "urgent", priority: 1 }),
          newJob({ id: "foreign", kind: "other", priority: 5 }),
        ];
        for (const job of jobs) await queue.add(job);
        const order = [(await claim(queue)).job.id, (await claim(queue)).job.id];
        await clock.advance(1_000);
        order.push((await claim(queue)).job.id, (await claim(queue)).job.id);
        expect(order).toEqual(["urgent", "old", "late", "young"]);
        expect(await queue.claim("w", ["k"], LEASE_MS)).toBeUndefined();
        expect(await queue.claim("w", [], LEASE_MS)).toBeUndefined();
        expect((await queue.claim("w", ["k", "other"], LEASE_MS))?.job.id).toBe("foreign");
      },
    );

    withQueue(
      "the heartbeat prolongs the lease and stores progress and the last 200 lines",
      async (queue, clock) => {
        await queue.add(newJob({ id: "a" }));
        const lease = await claim(queue);
        await clock.advance(LEASE_MS - 1);
        const progress = { done: 5, total: 10, unit: "bytes", phase: "merging" } as const;
        const log = Array.from({ length: 150 }, (_, i) => ({ at: clock.now(), text: `line ${i}` }));
        expect(await queue.extend(lease, LEASE_MS, { progress, log })).toEqual({
          cancelRequested: false,
          expiresAt: clock.now() + LEASE_MS,
        });
        await clock.advance(LEASE_MS - 1);
        await queue.extend(lease, LEASE_MS, { log });
        await queue.extend(lease, LEASE_MS);
        const job = await queue.get("a");
        expect(job?.progress).toEqual(progress);
        expect(job?.log.length).toBe(200);
        expect([job?.log[0]?.text, job?.log.at(-1)?.text]).toEqual(["line 100", "line 149"]);
        expect(await queue.recover()).toBe(0);
      },
    );

    withQueue("a lease that ran out is lost, its job claimed by another", async (queue, clock, other) => {
      await queue.add(newJob({ id: "a" }));
      const lost = await claim(queue, "slow");
      await clock.advance(LEASE_MS);
      for (const change of changesOf(queue, lost)) expect(await codeOf(change)).toBe("conflict");
      expect(await other.claim("quick", ["k"], LEASE_MS)).toBeUndefined();
      expect(await Promise.all([queue.recover(), other.recover()]).then(([a, b]) => a + b)).toBe(1);
      const lease = await claim(other, "quick");
      expect(lease.job).toMatchObject({ attempts: 2, worker: "quick" });
      expect(lease.job.error?.message).toContain("slow");
      for (const change of changesOf(queue, lost)) expect(await codeOf(change)).toBe("conflict");
      await other.complete(lease, "done");
      for (const change of changesOf(queue, lost)) expect(await codeOf(change)).toBe("conflict");
      for (const change of changesOf(queue, lease)) expect(await codeOf(change)).toBe("conflict");
      expect((await queue.get("a"))?.result).toBe("done");
    });

    withQueue("the jobs of a worker known to be dead come back at once, no others", async (queue) => {
      for (const id of ["a", "b"]) await queue.add(newJob({ id }));
      await claim(queue, "dead");
      await claim(queue, "alive");
      expect(await queue.recover({ worker: "dead", how: "was killed by SIGKILL" })).toBe(1);
      expect((await queue.get("a"))?.state).toBe("queued");
      expect((await queue.get("b"))?.state).toBe("running");
    });

    withQueue("a job whose workers keep dying fails after its attempts", async (queue) => {
      await queue.add(newJob({ id: "a", maxAttempts: 2 }));
      for (const state of ["queued", "failed"]) {
        await claim(queue, "dead");
        await queue.recover({ worker: "dead", how: "was killed by SIGKILL" });
        expect((await queue.get("a"))?.state).toBe(state as Job["state"]);
      }
      expect((await queue.get("a"))?.error).toMatchObject({ code: "internal" });
    });

    withQueue("a failed attempt is tried again at its time, then failed", async (queue, clock) => {
      await queue.add(newJob({ id: "a", maxAttempts: 2 }));
      const first = await queue.fail(await claim(queue), BROKEN, clock.now() + 1_000);
      expect(first).toMatchObject({
        state: "queued",
        error: BROKEN,
        runAt: clock.now() + 1_000,
        finishedAt: null,
      });
      expect(await queue.claim("w", ["k"], LEASE_MS)).toBeUndefined();
      await clock.advance(1_000);
      const last = await queue.fail(await claim(queue), BROKEN, clock.now() + 1_000);
      expect(last).toMatchObject({ state: "failed", attempts: 2, error: BROKEN, finishedAt: clock.now() });
    });

    withQueue("an attempt without hope fails the job at once", async (queue) => {
      await queue.add(newJob({ id: "a" }));
      expect(await queue.fail(await claim(queue), BROKEN, null)).toMatchObject({
        state: "failed",
        attempts: 1,
      });
    });

    withQueue("a released job is claimable at once and keeps its attempts", async (queue) => {
      await queue.add(newJob({ id: "a", maxAttempts: 1 }));
      await queue.release(await claim(queue));
      expect(await queue.get("a")).toMatchObject({ state: "queued", attempts: 0, error: null });
      expect((await claim(queue)).job.attempts).toBe(1);
    });

    withQueue(
      "a queued job is cancelled at once, a running one by its worker",
      async (queue, _clock, other) => {
        for (const id of ["waiting", "running"])
          await queue.add(newJob({ id, priority: id === "running" ? 1 : 0 }));
        const lease = await claim(queue);
        expect(await other.cancel("waiting")).toMatchObject({ state: "cancelled" });
        expect(await other.cancel("running")).toMatchObject({ state: "running", cancelRequested: true });
        expect((await queue.extend(lease, LEASE_MS)).cancelRequested).toBe(true);
        const cancelled = await queue.fail(
          lease,
          { code: "cancelled", message: "was cancelled", hint: null },
          null,
        );
        expect(cancelled.state).toBe("cancelled");
        expect(await other.cancel("running")).toMatchObject({ state: "cancelled" });
      },
    );

    withQueue("a cancelled job is not tried again, nor given to another worker", async (queue) => {
      for (const id of ["a", "b"]) await queue.add(newJob({ id }));
      const lease = await claim(queue);
      await claim(queue, "dead");
      for (const id of ["a", "b"]) await queue.cancel(id);
      expect((await queue.fail(lease, BROKEN, 0)).state).toBe("cancelled");
      await queue.recover({ worker: "dead", how: "was killed by SIGKILL" });
      expect((await queue.get("b"))?.state).toBe("cancelled");
    });

    withQueue("retry forgives failed and cancelled jobs, no others", async (queue, clock) => {
      await queue.add(newJob({ id: "a", maxAttempts: 1 }));
      expect(await codeOf(queue.retry("a"))).toBe("conflict");
      const lease = await claim(queue);
      expect(await codeOf(queue.retry("a"))).toBe("conflict");
      await queue.fail(lease, BROKEN, clock.now());
      expect(await queue.retry("a")).toMatchObject({
        state: "queued",
        attempts: 0,
        error: null,
        finishedAt: null,
      });
      await queue.cancel("a");
      expect(await queue.retry("a")).toMatchObject({ state: "queued", cancelRequested: false });
      await queue.complete(await claim(queue), null);
      expect(await codeOf(queue.retry("a"))).toBe("conflict");
    });

    withQueue("pages: newest first, by every filter, each job once", async (queue, clock) => {
      for (let i = 0; i < 25; i++) {
        await queue.add(
          newJob({ id: `job-${i}`, kind: i % 2 ? "odd" : "even", input: { day: `2020-01-${10 + i}` } }),
        );
        await clock.advance(1_000);
      }
      const start = clock.now() - 25_000;
      await queue.cancel("job-3");
      const ids = (filter: Partial<Parameters<Queue["page"]>[0]>) => idsOf(queue, { limit: 4, ...filter });
      expect(await ids({})).toEqual(Array.from({ length: 25 }, (_, i) => `job-${24 - i}`));
      expect(await ids({ kind: "odd" })).toEqual(Array.from({ length: 12 }, (_, i) => `job-${23 - 2 * i}`));
      expect(await ids({ state: "cancelled" })).toEqual(["job-3"]);
      expect(await ids({ state: "queued", kind: "odd" })).toHaveLength(11);
      expect(await ids({ text: "JOB-2" })).toEqual([
        "job-24",
        "job-23",
        "job-22",
        "job-21",
        "job-20",
        "job-2",
      ]);
      expect(await ids({ text: "2020-01-15" })).toEqual(["job-5"]);
      expect(await ids({ text: "%" })).toEqual([]);
      expect(await ids({ since: start + 20_000, until: start + 23_000 })).toEqual([
        "job-22",
        "job-21",
        "job-20",
      ]);
      expect((await queue.page({ limit: 25 })).next).toBeNull();
      expect(await codeOf(queue.page({ limit: 4, after: "not ours" }))).toBe("invalid");
    });

    withQueue("a listing is not disturbed by jobs that come and go", async (queue, clock) => {
      for (let i = 0; i < 6; i++) await queue.add(newJob({ id: `${i}` }));
      const first = await queue.page({ limit: 3 });
      await queue.add(newJob({ id: "new" }));
      await queue.cancel("1");
      await queue.prune(clock.now(), 100, 10);
      const second = await queue.page({ limit: 3, after: first.next ?? "" });
      expect([first, second].map((page) => page.jobs.map(({ id }) => id))).toEqual([
        ["5", "4", "3"],
        ["2", "0"],
      ]);
    });

    withQueue("counts by state", async (queue) => {
      expect(await queue.counts()).toEqual({ queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 });
      for (const id of ["a", "b", "c", "d", "e"]) await queue.add(newJob({ id }));
      await queue.complete(await claim(queue), null);
      await queue.fail(await claim(queue), BROKEN, null);
      await claim(queue);
      await queue.cancel("d");
      expect(await queue.counts()).toEqual({ queued: 1, running: 1, succeeded: 1, failed: 1, cancelled: 1 });
    });

    withQueue("prune removes what ended long ago, oldest first", async (queue, clock) => {
      for (const id of ["a", "b", "c", "d"]) await queue.add(newJob({ id }));
      for (const id of ["b", "a", "c"]) {
        await clock.advance(1_000);
        await queue.cancel(id);
      }
      expect((await queue.prune(clock.now() - 1_000, 100, 1)).map(({ id }) => id)).toEqual(["b"]);
      expect((await queue.prune(clock.now() - 1_000, 100, 5)).map(({ id }) => id)).toEqual(["a"]);
      expect((await queue.prune(clock.now() - 1_000, 100, 5)).length).toBe(0);
      expect((await queue.counts()).cancelled).toBe(1);
      expect(await idsOf(queue, { limit: 10 })).toEqual(["d", "c"]);
    });

    withQueue(
      "prune keeps the newest that have ended, however young the others are",
      async (queue, clock) => {
        for (const id of ["a", "b", "c", "d"]) await queue.add(newJob({ id }));
        for (const id of ["b", "a", "c"]) {
          await clock.advance(1_000);
          await queue.cancel(id);
        }
        expect((await queue.prune(0, 3, 10)).length).toBe(0);
        expect((await queue.prune(0, 1, 1)).map(({ id }) => id)).toEqual(["b"]);
        expect((await queue.prune(0, 1, 10)).map(({ id }) => id)).toEqual(["a"]);
        expect(await idsOf(queue, { limit: 10 })).toEqual(["d", "c"]);
      },
    );

    withQueue("a webhook is kept with its job; a job without one has none", async (queue) => {
      await queue.add(newJob({ id: "a", webhook: "https://example.org/x" }));
      await queue.add(newJob({ id: "b" }));
      expect([(await queue.get("a"))?.webhook, (await queue.get("b"))?.webhook]).toEqual([
        "https://example.org/x",
        null,
      ]);
    });

    withQueue("the error of a killed worker says how it ended", async (queue) => {
      await queue.add(newJob({ maxAttempts: 1 }));
      const { job } = await claim(queue);
      await queue.recover({ worker: "w", how: "was killed by SIGKILL" });
      const { state, error } = (await queue.get(job.id)) ?? {};
      expect({ state, message: error?.message }).toEqual({
        state: "failed",
        message: "the worker w was killed by SIGKILL during attempt 1 of 1",
      });
    });

    withQueue(
      "16 claimers never hold one job twice, and every job ends once",
      async (queue, _clock, other) => {
        const all = Array.from({ length: 200 }, (_, i) => `job-${i}`);
        await Promise.all(all.map((id, i) => (i % 2 ? queue : other).add(newJob({ id }))));
        const claimed: string[] = [];
        const worker = async (handle: Queue, name: string) => {
          for (;;) {
            const lease = await handle.claim(name, ["k"], LEASE_MS);
            if (!lease) return;
            claimed.push(lease.job.id);
            await handle.complete(lease, name);
          }
        };
        await Promise.all(Array.from({ length: 16 }, (_, i) => worker(i % 2 ? queue : other, `w${i}`)));
        expect(claimed.sort()).toEqual(all.sort());
        expect((await queue.counts()).succeeded).toBe(200);
      },
    );
  });
}

function newJob(job: Partial<NewJob>): NewJob {
  return { id: crypto.randomUUID(), kind: "k", input: null, ...job };
}

async function claim(queue: Queue, worker = "w"): Promise<Lease> {
  const lease = await queue.claim(worker, ["k"], LEASE_MS);
  if (!lease) throw new Error("there is nothing to claim");
  return lease;
}

function* changesOf(queue: Queue, lease: Lease): Generator<Promise<unknown>> {
  yield queue.extend(lease, LEASE_MS);
  yield queue.complete(lease, "mine");
  yield queue.fail(lease, BROKEN, null);
  yield queue.release(lease);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const outcome = await promise.then(
    () => "resolved",
    (error) => error,
  );
  return isFault(outcome) ? outcome.code : String(outcome);
}

async function idsOf(queue: Queue, filter: Parameters<Queue["page"]>[0]): Promise<string[]> {
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const page = await queue.page({ ...filter, ...(after !== undefined && { after }) });
    ids.push(...page.jobs.map(({ id }) => id));
    after = page.next ?? undefined;
  } while (after !== undefined);
  return ids;
}
