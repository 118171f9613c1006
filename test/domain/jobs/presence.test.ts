// Workers on the roster: while they run, whatever becomes of the roster, and no longer.

import { expect, test } from "bun:test";
import { z } from "zod";
import { MemoryQueue } from "../../../src/adapters/memory/queue.ts";
import { MemoryRoster } from "../../../src/adapters/memory/roster.ts";
import { Crew } from "../../../src/app/crew.ts";
import { presentWorkers } from "../../../src/domain/jobs/presence.ts";
import { Worker } from "../../../src/domain/jobs/worker.ts";
import { Fault } from "../../../src/wire/faults.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { until } from "../../support/until.ts";

/** A worker whose jobs last until it stops. */
function open(roster = new MemoryRoster()) {
  const clock = new ManualClock();
  const queue = new MemoryQueue(clock);
  const run = (_: unknown, { signal }: { readonly signal: AbortSignal }) =>
    new Promise<never>((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  const handlers = [{ kind: { name: "k", input: z.json() }, run }];
  const worker = new Worker({ queue, roster, clock, log: quietLog, name: "elsewhere:1", handlers });
  const stop = new AbortController();
  const done = worker.run(stop.signal);
  return {
    ...{ clock, queue, roster, worker },
    crew: new Crew({ workers: { own: [], failing: undefined }, roster, queue, clock }),
    stop: async () => {
      stop.abort();
      await done;
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await done;
    },
  };
}

test("a worker is known while it runs, however long, with its job, and not after it stopped", async () => {
  await using site = open();
  const startedAt = site.clock.now();
  await site.clock.untilSleeping(2);
  await site.clock.advance(60_000);
  const { id } = await site.queue.add({ id: "j", kind: "k", input: null });
  site.worker.poke();
  await until("it works", async () => (await site.queue.get(id))?.state === "running");
  const { crew } = site;
  expect(await crew.list()).toMatchObject([
    { name: "elsewhere:1", own: false, kinds: ["k"], startedAt, job: { id: "j", kind: "k" } },
  ]);
  expect(await crew.state()).toEqual({ alive: 1, failing: undefined });
  await site.stop();
  expect(await crew.list()).toEqual([]);
});

test("a worker that was not heard of for 15 seconds is not alive", async () => {
  const clock = new ManualClock();
  const roster = new MemoryRoster();
  const now = clock.now();
  await roster.enter({ name: "elsewhere:1", kinds: [], startedAt: now, seenAt: now });
  await clock.advance(15_000);
  expect(await presentWorkers(roster, clock)).toHaveLength(1);
  await clock.advance(1);
  expect(await presentWorkers(roster, clock)).toEqual([]);
});

test("of its own workers the server knows better: one counts before it told, one that does not live never", async () => {
  const clock = new ManualClock();
  const roster = new MemoryRoster();
  const startedAt = clock.now();
  await roster.enter({ name: "h:2", kinds: ["k"], startedAt, seenAt: startedAt });
  const own = [
    { name: "h:1", startedAt, isUp: true },
    { name: "h:2", startedAt, isUp: false },
  ];
  const crew = new Crew({
    workers: { own, failing: undefined },
    roster,
    queue: new MemoryQueue(clock),
    clock,
  });
  expect(await crew.list()).toEqual([
    { name: "h:1", own: true, kinds: [], startedAt, seenAt: startedAt, job: null },
  ]);
});

test("a worker that dies while it is asked how many there are is alive or failing, never both", async () => {
  const clock = new ManualClock();
  let isUp = true;
  const lane = {
    get own() {
      const own = [{ name: "h:1", startedAt: clock.now(), isUp }];
      queueMicrotask(() => {
        isUp = false;
      });
      return own;
    },
    get failing() {
      return isUp ? undefined : "was killed by SIGKILL";
    },
  };
  const crew = new Crew({ workers: lane, roster: new MemoryRoster(), queue: new MemoryQueue(clock), clock });
  expect(await crew.state()).toEqual({ alive: 1, failing: undefined });
  expect(await crew.state()).toEqual({ alive: 0, failing: "was killed by SIGKILL" });
});

test("a roster that cannot be written stops no work", async () => {
  class BrokenRoster extends MemoryRoster {
    override async enter(): Promise<void> {
      throw new Fault("no-space", "no space left");
    }
  }
  await using site = open(new BrokenRoster());
  await site.clock.untilSleeping(2);
  await site.queue.add({ id: "j", kind: "k", input: null });
  site.worker.poke();
  await until("it works", async () => (await site.queue.get("j"))?.state === "running");
});
