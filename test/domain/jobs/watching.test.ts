// Many readers follow the jobs: the queue is looked at once for all of them.

import { describe, expect, test } from "bun:test";
import { MemoryQueue } from "../../../src/adapters/memory/queue.ts";
import { Watching } from "../../../src/domain/jobs/watching.ts";
import type { Job } from "../../../src/ports/queue.ts";
import { failureOf } from "../../support/failure.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const FILTER = { limit: 10 };

/** A queue that counts what it is asked. */
class Asked extends MemoryQueue {
  pages = 0;
  gets = 0;
  revisions = 0;
  broken = false;

  override page(...parameters: Parameters<MemoryQueue["page"]>) {
    this.pages++;
    if (this.broken) return Promise.reject(new Error("the disk is gone"));
    return super.page(...parameters);
  }

  override get(id: string) {
    this.gets++;
    return super.get(id);
  }

  override revision() {
    this.revisions++;
    return super.revision();
  }
}

function open() {
  const clock = new ManualClock();
  const queue = new Asked(clock);
  const watching = new Watching({ queue, state: queue, clock });
  const stop = new AbortController();
  const add = (id: string) => queue.add({ id, kind: "k", input: null });
  return { clock, queue, watching, stop, add };
}

/** What is yielded, as it comes. */
function read(jobs: AsyncIterable<Job>) {
  const seen: string[] = [];
  const done = (async () => {
    for await (const { id, state } of jobs) seen.push(`${id} ${state}`);
  })();
  return { seen, done };
}

describe("watching", () => {
  test("any number of readers cost one look, one page a change, and nothing when all are gone", async () => {
    const { clock, queue, watching, stop, add } = open();
    await add("a");
    const readers = Array.from({ length: 50 }, () => read(watching.all(FILTER, stop.signal)));
    await clock.untilSleeping();
    expect(clock.sleeping).toBe(1);
    expect(queue.pages).toBe(1);
    const before = queue.revisions;
    for (let i = 0; i < 4; i++) await clock.advance(250);
    expect([queue.pages, queue.revisions - before]).toEqual([1, 4]);
    await add("b");
    await queue.cancel("a");
    await clock.advance(250);
    expect(queue.pages).toBe(2);
    for (const { seen } of readers) expect(seen).toEqual(["a queued", "a cancelled", "b queued"]);
    stop.abort();
    await clock.advance(250);
    await Promise.all(readers.map(({ done }) => done));
    const after = queue.revisions;
    await clock.advance(10_000);
    expect(queue.revisions).toBe(after);
    expect(clock.sleeping).toBe(0);
  });

  test("a reader who comes later is told at once, and one who is slow of the last state", async () => {
    const { clock, queue, watching, stop, add } = open();
    await add("a");
    const slow = watching.all(FILTER, stop.signal);
    expect((await slow.next()).value).toMatchObject({ state: "queued" });
    const quick = read(watching.all(FILTER, stop.signal));
    await clock.untilSleeping();
    expect(quick.seen).toEqual(["a queued"]);
    await queue.claim("w", ["k"], 1_000);
    await clock.advance(250);
    await queue.cancel("a");
    const lease = await queue.recover({ worker: "w", how: "died" });
    expect(lease).toBe(1);
    expect((await slow.next()).value).toMatchObject({ state: "cancelled" });
    stop.abort();
    await clock.advance(250);
    await quick.done;
  });

  test("one job is followed to its end, and a queue that fails once is read again", async () => {
    const { clock, queue, watching, stop, add } = open();
    await add("a");
    const readers = [1, 2].map(() => read(watching.one("a", stop.signal)));
    await clock.untilSleeping();
    await queue.cancel("a");
    await clock.advance(250);
    await Promise.all(readers.map(({ done }) => done));
    for (const { seen } of readers) expect(seen).toEqual(["a queued", "a cancelled"]);
    expect(queue.gets).toBe(2);
    expect(await failureOf(watching.one("nope", stop.signal).next())).toMatchObject({ code: "not-found" });
    queue.broken = true;
    expect(await failureOf(watching.all(FILTER, stop.signal).next())).toMatchObject({
      message: "the disk is gone",
    });
    queue.broken = false;
    expect((await watching.all(FILTER, stop.signal).next()).value).toMatchObject({ id: "a" });
  });
});
