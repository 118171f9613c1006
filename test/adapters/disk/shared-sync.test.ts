// Syncs that are shared: who may rely on which, and what a failed one means for all.

import { expect, test } from "bun:test";
import { SharedSync } from "../../../src/adapters/disk/shared-sync.ts";
import { failureOf } from "../../support/failure.ts";

/** A sync that ends when the test says so. */
function steered() {
  const begun: PromiseWithResolvers<void>[] = [];
  const shared = new SharedSync(() => {
    const one = Promise.withResolvers<void>();
    begun.push(one);
    return one.promise;
  });
  return { shared, begun };
}

test("who comes while one runs shares the next, which begins when that has ended", async () => {
  const { shared, begun } = steered();
  const first = shared.run();
  const second = shared.run();
  const third = shared.run();
  expect(begun.length).toBe(1);
  begun[0]?.resolve();
  await first;
  await Promise.resolve();
  expect(begun.length).toBe(2);
  const fourth = shared.run();
  begun[1]?.resolve();
  await Promise.all([second, third]);
  await Promise.resolve();
  expect(begun.length).toBe(3);
  begun[2]?.resolve();
  await fourth;
});

test("a failed sync fails those that wait for the next one, and all later ones", async () => {
  const { shared, begun } = steered();
  const lost = new Error("EIO");
  const waiting = [shared.run(), shared.run()].map(failureOf);
  // The disk would take the next one: the lost pages count as written.
  begun[0]?.reject(lost);
  expect(await Promise.all(waiting)).toEqual([lost, lost]);
  expect(await failureOf(shared.run())).toBe(lost);
  expect(begun.length).toBe(1);
});
