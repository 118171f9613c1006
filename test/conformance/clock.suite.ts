// What every clock promises (src/ports/clock.ts).

import { describe, expect, test } from "bun:test";
import type { Clock } from "../../src/ports/clock.ts";

export interface ClockUnderTest {
  readonly clock: Clock;
  /** Lets `ms` pass: by moving it, or by waiting. */
  pass(ms: number): Promise<void>;
}

/** `open` is called once for each test. */
export function clockSuite(name: string, open: () => ClockUnderTest): void {
  describe(`clock: ${name}`, () => {
    test("now is milliseconds since 1970, and moves on", async () => {
      const { clock, pass } = open();
      const before = clock.now();
      expect(before).toBeGreaterThan(Date.UTC(2020, 0, 1));
      await pass(10);
      expect(clock.now()).toBeGreaterThanOrEqual(before + 9);
    });

    test("a sleep ends after its time, not before", async () => {
      const { clock, pass } = open();
      let woken = false;
      const sleep = clock.sleep(40).then(() => {
        woken = true;
      });
      await pass(5);
      expect(woken).toBe(false);
      await pass(40);
      await sleep;
      expect(woken).toBe(true);
    });

    test("sleeping no time ends at once", async () => {
      const { clock, pass } = open();
      const sleep = clock.sleep(0);
      await pass(1);
      await sleep;
    });

    test("aborting a sleep rejects it with the reason", async () => {
      const { clock } = open();
      const controller = new AbortController();
      const sleep = clock.sleep(60_000, controller.signal);
      const reason = new Error("changed my mind");
      controller.abort(reason);
      expect(await sleep.catch((error) => error)).toBe(reason);
    });

    test("a signal that is aborted already rejects at once, with the reason", async () => {
      const { clock } = open();
      const reason = { any: "value" };
      expect(await clock.sleep(60_000, AbortSignal.abort(reason)).catch((error) => error)).toBe(reason);
    });

    test("aborting afterwards does nothing", async () => {
      const { clock, pass } = open();
      const controller = new AbortController();
      const sleep = clock.sleep(1, controller.signal);
      await pass(5);
      await sleep;
      controller.abort();
    });
  });
}
