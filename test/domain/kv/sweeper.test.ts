// The sweeper: it removes what expired in small batches, rests in between, and outlives a failing store.

import { expect, test } from "bun:test";
import { MemoryKv } from "../../../src/adapters/memory/kv.ts";
import { createRules } from "../../../src/domain/kv/rules.ts";
import { startSweeper } from "../../../src/domain/kv/sweeper.ts";
import { Fault } from "../../../src/wire/faults.ts";
import type { ItemCommand } from "../../../src/wire/memcached/commands.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { SILENT } from "../../support/memcached-wire.ts";

function expiring(key: string): ItemCommand {
  return { kind: "set", key, flags: 0, exptime: 5, value: Buffer.from("x"), cas: 0, noreply: false };
}

test("a thousand expired items go in batches, with a breath between them", async () => {
  const clock = new ManualClock();
  const kv = new MemoryKv({ rules: createRules({ expire: true }), clock });
  await kv.execute(Array.from({ length: 1_000 }, (_, i) => expiring(`k${i}`)));
  await using _sweeper = startSweeper({ kv, clock, log: SILENT });
  await clock.advance(10_000);
  expect((await kv.stats()).items).toBe(800);
  await clock.advance(20);
  expect((await kv.stats()).items).toBe(600);
  await clock.advance(60);
  expect((await kv.stats()).items).toBe(0);
});

test("a failed sweep is tried again later", async () => {
  const clock = new ManualClock();
  let sweeps = 0;
  const kv = {
    async sweep() {
      if (++sweeps === 1) throw new Fault("no-space", "the disk is full");
      return 0;
    },
  };
  await using _sweeper = startSweeper({ kv, clock, log: SILENT });
  await clock.advance(10_000);
  await clock.advance(10_000);
  expect(sweeps).toBe(2);
});

test("disposed, it sleeps no more", async () => {
  const clock = new ManualClock();
  const sweeper = startSweeper({ kv: { sweep: async () => 0 }, clock, log: SILENT });
  expect(clock.sleeping).toBe(1);
  await sweeper[Symbol.asyncDispose]();
  expect(clock.sleeping).toBe(0);
});
