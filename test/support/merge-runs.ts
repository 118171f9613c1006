// A merge's scratch space in memory, which counts the runs it keeps.

import type { MergeRun, MergeScratch } from "../../src/compute/merge.ts";

/** Runs are read in odd pieces. */
const PIECE = 777;

export function memoryScratch() {
  const state = { kept: 0, alive: 0 };
  const keep = async (run: AsyncIterable<Uint8Array>): Promise<MergeRun> => {
    const pieces: Uint8Array[] = [];
    for await (const piece of run) pieces.push(new Uint8Array(piece));
    const bytes = Buffer.concat(pieces);
    state.kept += 1;
    state.alive += 1;
    return {
      name: "a run",
      async *open() {
        for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
      },
      [Symbol.asyncDispose]: async () => {
        state.alive -= 1;
      },
    };
  };
  const scratch: MergeScratch = { keep };
  return { state, scratch };
}
