// The contract of ports/queue-state.ts, for every adapter.

import { describe, expect, test } from "bun:test";
import type { Queue } from "../../src/ports/queue.ts";
import type { QueueState } from "../../src/ports/queue-state.ts";
import { ManualClock } from "../support/manual-clock.ts";

export interface QueueStateFixture extends AsyncDisposable {
  readonly queue: Queue;
  /** Several handles, as several processes have them; the same one where an adapter has only one. */
  readonly states: readonly [QueueState, QueueState];
}

const LEASE_MS = 10_000;
const NONE = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };

export function queueStateConformance(
  name: string,
  open: (clock: ManualClock) => Promise<QueueStateFixture>,
): void {
  describe(`queue state: ${name}`, () => {
    const withState = (
      what: string,
      body: (queue: Queue, state: QueueState, other: QueueState) => Promise<void>,
    ) =>
      test(what, async () => {
        await using fixture = await open(new ManualClock());
        await body(fixture.queue, ...fixture.states);
      });

    withState("jobs are counted by kind and state, through every change", async (queue, state) => {
      expect(await state.kinds()).toEqual([]);
      for (const kind of ["merge", "aggregate", "merge", "merge"]) await add(queue, kind);
      const lease = await queue.claim("w", ["merge"], LEASE_MS);
      expect(await state.kinds()).toEqual([
        { kind: "aggregate", isPaused: false, jobs: { ...NONE, queued: 1 } },
        { kind: "merge", isPaused: false, jobs: { ...NONE, queued: 2, running: 1 } },
      ]);
      if (lease) await queue.complete(lease, null);
      const ended = await add(queue, "aggregate");
      await queue.cancel(ended);
      await queue.remove([ended]);
      expect(await state.kinds()).toEqual([
        { kind: "aggregate", isPaused: false, jobs: { ...NONE, queued: 1 } },
        { kind: "merge", isPaused: false, jobs: { ...NONE, queued: 2, succeeded: 1 } },
      ]);
      expect(await queue.counts()).toEqual({ ...NONE, queued: 3, succeeded: 1 });
    });

    withState(
      "a paused kind is not claimed, until it goes on; what runs goes on",
      async (queue, state, other) => {
        for (const kind of ["merge", "merge", "aggregate"]) await add(queue, kind);
        const running = await queue.claim("w", ["merge"], LEASE_MS);
        await state.pause("merge", true);
        await state.pause("merge", true);
        await other.pause("unused", true);
        expect((await other.kinds()).map(({ kind, isPaused }) => [kind, isPaused])).toEqual([
          ["aggregate", false],
          ["merge", true],
          ["unused", true],
        ]);
        expect(await queue.claim("w", ["merge"], LEASE_MS)).toBeUndefined();
        expect((await queue.claim("w", ["merge", "aggregate"], LEASE_MS))?.job.kind).toBe("aggregate");
        if (running) await queue.complete(running, null);
        await other.pause("merge", false);
        expect((await queue.claim("w", ["merge"], LEASE_MS))?.job.kind).toBe("merge");
        await state.pause("unused", false);
        expect((await state.kinds()).map(({ kind }) => kind)).toEqual(["aggregate", "merge"]);
      },
    );

    withState(
      "the revision is another one after every change, and after none it settles",
      async (queue, state, other) => {
        const seen = new Set<string>();
        const changes: readonly (() => Promise<unknown>)[] = [
          () => add(queue, "merge"),
          async () => {
            const lease = await queue.claim("w", ["merge"], LEASE_MS);
            if (lease) await queue.extend(lease, LEASE_MS, { log: [{ at: 1, text: "a line" }] });
          },
          () => other.pause("merge", true),
          () => state.pause("aggregate", true),
        ];
        seen.add(await state.revision());
        for (const [i, change] of changes.entries()) {
          await change();
          seen.add(await state.revision());
          expect(seen.size).toBe(i + 2);
        }
        expect(seen.has(await state.revision())).toBe(true);
      },
    );
  });
}

async function add(queue: Queue, kind: string): Promise<string> {
  return (await queue.add({ id: crypto.randomUUID(), kind, input: null })).id;
}
