// The manual clock wakes sleepers in order, at their own times, and leaves none behind.

import { expect, test } from "bun:test";
import { ManualClock } from "./manual-clock.ts";

test("sleepers wake in the order of their due times, each seeing its own time", async () => {
  const clock = new ManualClock(1_000);
  const seen: [string, number][] = [];
  const late = clock.sleep(300).then(() => seen.push(["late", clock.now()]));
  const twice = clock
    .sleep(100)
    .then(() => clock.sleep(100))
    .then(() => seen.push(["twice", clock.now()]));
  await clock.advance(250);
  expect(seen).toEqual([["twice", 1_200]]);
  await clock.advance(50);
  expect(seen).toEqual([
    ["twice", 1_200],
    ["late", 1_300],
  ]);
  await Promise.all([late, twice]);
  expect(clock.sleeping).toBe(0);
});

test("an aborted sleep rejects with the reason and leaves no sleeper", async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const sleep = clock.sleep(1_000, controller.signal);
  await clock.untilSleeping();
  controller.abort("enough");
  expect(await sleep.catch((reason) => reason)).toBe("enough");
  expect(clock.sleeping).toBe(0);
  expect(await clock.sleep(1, controller.signal).catch((reason) => reason)).toBe("enough");
});

test("setting the system's clock back wakes nobody early or late", async () => {
  const clock = new ManualClock(10_000);
  let woken = false;
  const sleep = clock.sleep(100).then(() => {
    woken = true;
  });
  clock.jump(-5_000);
  await clock.advance(99);
  expect(woken).toBe(false);
  await clock.advance(1);
  expect(woken).toBe(true);
  expect(clock.now()).toBe(5_100);
  await sleep;
});
