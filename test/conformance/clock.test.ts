// The system's clock and the tests' manual one keep the same promises.

import { expect, test } from "bun:test";
import { systemClock } from "../../src/app/clock.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { BUN, ROOT, run } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { clockSuite } from "./clock.suite.ts";

clockSuite("system", () => ({
  clock: systemClock,
  async pass(ms) {
    const start = performance.now();
    await until(`${ms} ms have passed`, () => performance.now() - start >= ms);
  },
}));

clockSuite("manual", () => {
  const clock = new ManualClock();
  return { clock, pass: (ms) => clock.advance(ms) };
});

test("an aborted sleep of the system's clock leaves no timer that keeps the process", async () => {
  const script = `import { systemClock } from "${ROOT}src/app/clock.ts";
    const controller = new AbortController();
    const sleep = systemClock.sleep(60_000, controller.signal).catch(() => {});
    controller.abort();
    await sleep;`;
  expect(await run([BUN, "-e", script], { timeoutMs: 10_000 })).toMatchObject({ code: 0 });
});
