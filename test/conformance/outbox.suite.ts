// The contract of ports/outbox.ts, and of the queue and the records that fill it, for every pair of adapters.

import { describe, expect, test } from "bun:test";
import type { Outbox } from "../../src/ports/outbox.ts";
import type { NewJob, Queue } from "../../src/ports/queue.ts";
import type { Records } from "../../src/ports/records.ts";
import { codeOf } from "../support/bytes.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { uploadRecord } from "./records.suite.ts";

export interface OutboxFixture extends AsyncDisposable {
  readonly queue: Queue;
  readonly outbox: Outbox;
}

const URL = "https://example.org/hook";
const BROKEN = { code: "internal", message: "it broke", hint: null };

export function outboxConformance(name: string, open: (clock: ManualClock) => Promise<OutboxFixture>): void {
  describe(`outbox: ${name}`, () => {
    const withOutbox = (what: string, body: (fixture: OutboxFixture, clock: ManualClock) => Promise<void>) =>
      test(what, async () => {
        const clock = new ManualClock();
        await using fixture = await open(clock);
        await body(fixture, clock);
      });
    const add = (queue: Queue, job: Partial<NewJob> = {}) =>
      queue.add({ id: crypto.randomUUID(), kind: "k", input: null, webhook: URL, ...job });
    const claim = async (queue: Queue) => {
      const lease = await queue.claim("w", ["k"], 10_000);
      if (!lease) throw new Error("there is no job to claim");
      return lease;
    };

    withOutbox("every way of ending is noticed once; a try that fails is no end", async (fixture, clock) => {
      const { queue, outbox } = fixture;
      const done = await add(queue);
      await queue.complete(await claim(queue), null);
      const failed = await add(queue, { maxAttempts: 2 });
      await queue.fail(await claim(queue), BROKEN, clock.now());
      expect((await outbox.due(clock.now(), 10)).length).toBe(1);
      await queue.fail(await claim(queue), BROKEN, clock.now());
      const cancelled = await add(queue);
      await queue.cancel(cancelled.id);
      await queue.cancel(cancelled.id);
      const lost = await add(queue, { maxAttempts: 1 });
      await claim(queue);
      await queue.recover({ worker: "w", how: "died" });
      await add(queue, { webhook: undefined as never });
      await queue.complete(await claim(queue), null);
      const notices = await outbox.due(clock.now(), 10);
      expect(notices.map(({ subject }) => subject)).toEqual([done.id, failed.id, cancelled.id, lost.id]);
      expect(notices.every(({ url, attempts }) => url === URL && attempts === 0)).toBe(true);
    });

    withOutbox(
      "a job that is retried is noticed again when it ends again",
      async ({ queue, outbox }, clock) => {
        const { id } = await add(queue);
        await queue.cancel(id);
        await queue.retry(id);
        await queue.complete(await claim(queue), null);
        const notices = await outbox.due(clock.now(), 10);
        expect(notices.map(({ subject }) => subject)).toEqual([id, id]);
        expect(new Set(notices.map((notice) => notice.id)).size).toBe(2);
      },
    );

    withOutbox(
      "postponed is due later, removed never; the longest due come first",
      async (fixture, clock) => {
        const { queue, outbox } = fixture;
        for (const id of ["a", "b", "c"]) {
          await add(queue, { id });
          await queue.cancel(id);
          await clock.advance(10);
        }
        const [first, second] = await outbox.due(clock.now(), 2);
        expect([first?.subject, second?.subject]).toEqual(["a", "b"]);
        await outbox.postpone(first?.id ?? "", clock.now() + 1_000);
        await outbox.remove(second?.id ?? "");
        await outbox.remove(second?.id ?? "");
        expect((await outbox.due(clock.now(), 10)).map(({ subject }) => subject)).toEqual(["c"]);
        await clock.advance(1_000);
        const later = await outbox.due(clock.now(), 10);
        expect(later.map(({ subject, attempts }) => [subject, attempts])).toEqual([
          ["c", 0],
          ["a", 1],
        ]);
      },
    );
  });
}

export interface RecordsOutboxFixture extends AsyncDisposable {
  readonly records: Records;
  readonly outbox: Outbox;
}

export function recordsOutboxConformance(name: string, open: () => Promise<RecordsOutboxFixture>): void {
  const notice = (subject: string, dueAt = 5) => ({
    subject,
    content: `{"a":"${subject}é"}`,
    url: URL,
    dueAt,
  });

  describe(`outbox of records: ${name}`, () => {
    test("a notice is there with its change, and not with one that is refused", async () => {
      await using fixture = await open();
      const { records, outbox } = fixture;
      await records.insert("uploads", uploadRecord("a"));
      const [first, second, missing] = await Promise.all([
        records.replace("uploads", uploadRecord("a", { name: "1" }), notice("one")),
        codeOf(records.replace("uploads", uploadRecord("a", { name: "2" }), notice("two"))),
        codeOf(records.replace("uploads", uploadRecord("nope"), notice("three"))),
      ]);
      expect([first.version, second, missing]).toEqual([2, "conflict", "not-found"]);
      const kept = { ...notice("one"), id: expect.any(String), attempts: 0 };
      expect(await outbox.due(5, 10)).toEqual([kept]);
      expect(await outbox.due(4, 10)).toEqual([]);
    });

    test("postponed is due later, removed never; the longest due come first", async () => {
      await using fixture = await open();
      const { records, outbox } = fixture;
      for (const [i, subject] of ["c", "a", "b"].entries()) {
        await records.insert("uploads", uploadRecord(subject));
        await records.replace("uploads", uploadRecord(subject), notice(subject, i));
      }
      const [first, second] = await outbox.due(9, 2);
      expect([first?.subject, second?.subject]).toEqual(["c", "a"]);
      await outbox.postpone(first?.id ?? "", 20);
      await outbox.remove(second?.id ?? "");
      await outbox.remove(second?.id ?? "");
      expect((await outbox.due(19, 10)).map(({ subject }) => subject)).toEqual(["b"]);
      const later = await outbox.due(20, 10);
      expect(later.map(({ subject, attempts }) => [subject, attempts])).toEqual([
        ["b", 0],
        ["c", 1],
      ]);
    });
  });
}
