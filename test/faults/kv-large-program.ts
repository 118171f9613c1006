// What the kill test of large values does: steps that follow from a lane and a number, so that both ends know what they leave.

import type { Kv } from "../../src/ports/kv.ts";
import { spoolTo, storing } from "../conformance/kv-large.suite.ts";

export const LARGE_LANES = 4;
export const LARGE_ITEM = 10_000_000;
const KEYS = 3;

export function keysOf(lane: number): string[] {
  return Array.from({ length: KEYS }, (_, i) => `lane${lane}:${i}`);
}

/** Step `n` of a lane, on one of its keys. */
export async function carryOutStep(kv: Kv, lane: number, n: number): Promise<void> {
  const key = `lane${lane}:${n % KEYS}`;
  if (n % 11 === 7) {
    await kv.execute([{ kind: "delete", key, noreply: false }]);
  } else if (n % 5 === 3) {
    await kv.execute([storing("append", key, suffixOf(n))]);
  } else {
    await spoolTo(kv, stepValue(lane, n), (value) => storing("set", key, value));
  }
}

/** What the lane's keys hold after its first `count` steps. */
export function largeStateAfter(lane: number, count: number): Map<string, Buffer> {
  const state = new Map<string, Buffer>();
  for (let n = 0; n < count; n++) {
    const key = `lane${lane}:${n % KEYS}`;
    const old = state.get(key);
    if (n % 11 === 7) state.delete(key);
    else if (n % 5 !== 3) state.set(key, stepValue(lane, n));
    else if (old) state.set(key, Buffer.concat([old, suffixOf(n)]));
  }
  return state;
}

function stepValue(lane: number, n: number): Buffer {
  return Buffer.alloc(60_000 + ((n * 37 + lane * 11) % 50) * 40_000, `${lane}.${n};`);
}

function suffixOf(n: number): Buffer {
  return Buffer.from(`and ${n}`);
}
