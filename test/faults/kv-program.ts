// What the kill test of the kv store writes: batches that follow from a lane and a number, so that both ends know them.

import type { ItemCommand } from "../../src/wire/memcached/commands.ts";
import { plainBytes } from "../support/values.ts";

export const LANES = 24;
const KEYS = 12;

/** Batch `n` of a lane: it changes several keys of its own, some by removal, some to values that the journal keeps apart. */
export function batchOf(lane: number, n: number): ItemCommand[] {
  const count = 1 + ((n * 7 + lane) % 4);
  return Array.from({ length: count }, (_, i) => {
    const mixed = n * 31 + i * 17 + lane * 5;
    const key = `lane${lane}:${mixed % KEYS}`;
    if (mixed % 7 === 0) return { kind: "delete", key, noreply: false };
    const text = `${n}.${i}:`;
    const length = n % 97 === 5 ? 90_000 : 20 + (mixed % 400);
    const value = Buffer.from(text.repeat(Math.ceil(length / text.length)));
    return { kind: "set", key, flags: n, exptime: 0, value, cas: 0, noreply: false };
  });
}

/** What a lane's keys hold after its first `count` batches: of each key the last change, found from the end, however many there were. */
export function stateAfter(lane: number, count: number): Map<string, string> {
  const state = new Map<string, string>();
  const decided = new Set<string>();
  for (let n = count - 1; n >= 0 && decided.size < KEYS; n--) {
    for (const command of batchOf(lane, n).reverse()) {
      if (command.kind !== "delete" && command.kind !== "set") continue;
      if (decided.has(command.key)) continue;
      decided.add(command.key);
      if (command.kind === "set") state.set(command.key, plainBytes(command.value).toString());
    }
  }
  return state;
}
